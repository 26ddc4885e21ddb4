{{- define "exporter.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{/* 52 characters: a StatefulSet appends a hash of 10, and the whole becomes a label of at most 63. */}}
{{- define "exporter.fullname" -}}
{{- $name := include "exporter.name" . -}}
{{- $both := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) -}}
{{- .Values.fullnameOverride | default $both | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{- define "exporter.selectorLabels" -}}
app.kubernetes.io/name: {{ include "exporter.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "exporter.namespace" -}}
{{- .Values.namespaceOverride | default .Release.Namespace -}}
{{- end -}}

{{/* commonLabels replace none of the labels that selectors look for. */}}
{{- define "exporter.labels" -}}
{{- $chart := printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" -}}
{{- $own := dict "app.kubernetes.io/version" .Chart.AppVersion "app.kubernetes.io/managed-by" .Release.Service "helm.sh/chart" $chart -}}
{{- merge (include "exporter.selectorLabels" . | fromYaml) .Values.commonLabels $own | toYaml -}}
{{- end -}}

{{/* name, namespace, labels and annotations of an object: (list $ "-suffix" labels annotations), where labels win over
     the chart's; a fifth item is the namespace. */}}
{{- define "exporter.metadata" -}}
{{- $root := index . 0 -}}
name: {{ include "exporter.fullname" $root }}{{ index . 1 }}
{{- with slice . 4 | first | default $root.Values.namespaceOverride }}
namespace: {{ . }}
{{- end }}
labels:
  {{- merge (dict) (index . 2) (include "exporter.labels" $root | fromYaml) | toYaml | nindent 2 }}
{{- with index . 3 }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Those of some values that are set, on lines of their own: (list indentation values name…). */}}
{{- define "exporter.given" -}}
{{- $values := index . 1 -}}
{{- $given := dict -}}
{{- range $name := slice . 2 -}}
{{- with get $values $name -}}
{{- $_ := set $given $name . -}}
{{- end -}}
{{- end -}}
{{- if $given -}}
{{- toYaml $given | nindent (first .) -}}
{{- end -}}
{{- end -}}

{{- define "exporter.scrapeLimits" -}}
{{- include "exporter.given" (list 2 . "scrapeClass" "scrapeProtocols" "sampleLimit" "targetLimit" "labelLimit" "labelNameLengthLimit" "labelValueLengthLimit") -}}
{{- end -}}

{{/* A registry of its own takes the place of the one that the repository begins with. */}}
{{- define "exporter.image" -}}
{{- $image := .Values.image -}}
{{- $parts := splitList "/" $image.repository -}}
{{- with (.Values.global | default dict).imageRegistry | default $image.registry -}}
{{- $named := and (gt (len $parts) 1) (regexMatch "[.:]|^localhost$" (first $parts)) -}}
{{- $parts = prepend ($named | ternary (rest $parts) $parts) . -}}
{{- end -}}
{{- join "/" $parts -}}
{{- if $image.digest -}}
@{{ $image.digest }}
{{- else -}}
:{{ $image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- define "exporter.pullSecrets" -}}
{{- $secrets := list -}}
{{- range concat .Values.imagePullSecrets ((.Values.global | default dict).imagePullSecrets | default list) -}}
{{- $secrets = append $secrets (kindIs "string" . | ternary (dict "name" .) .) -}}
{{- end -}}
{{- toYaml $secrets -}}
{{- end -}}

{{- define "exporter.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (.Values.serviceAccount.create | ternary (include "exporter.fullname" .) "default") -}}
{{- end -}}

{{- define "exporter.directory" -}}/etc/zoho-mass-update-exporter{{- end -}}

{{/* The label `job` by which the alerts know the exporter, whatever the release is called. */}}
{{- define "exporter.job" -}}zoho-mass-updates{{- end -}}

{{- define "exporter.scheme" -}}
{{- with .Values.webConfig -}}
{{- if and .existingSecret .tls -}}https{{- else -}}http{{- end -}}
{{- end -}}
{{- end -}}

{{/* What stands before the path of every page, as the exporter makes it out of its settings. */}}
{{- define "exporter.prefix" -}}
{{- $web := .Values.config.web | default dict -}}
{{- $path := $web.route_prefix | default (urlParse ($web.external_url | default "")).path -}}
{{- with trimAll "/" $path }}/{{ . }}{{ end -}}
{{- end -}}

{{- define "exporter.telemetryPath" -}}
{{- include "exporter.prefix" . }}{{ dig "web" "telemetry_path" "/metrics" .Values.config -}}
{{- end -}}

{{- define "exporter.apiPath" -}}
{{- include "exporter.prefix" . }}/api/v1
{{- end -}}

{{/* Where replicas share a database: what state.postgres says; else nothing. */}}
{{- define "exporter.postgres" -}}
{{- with .Values.state.postgres -}}
{{- if and .url (not $.Values.demo) -}}{{ toYaml . }}{{- end -}}
{{- end -}}
{{- end -}}

{{/* The Secrets whose files the database's driver reads, by the folder of each. */}}
{{- define "exporter.postgresFiles" -}}
{{- $files := dict -}}
{{- with include "exporter.postgres" . | fromYaml -}}
{{- with .existingSecret -}}{{- $_ := set $files "postgres" . -}}{{- end -}}
{{- with .caSecret -}}{{- $_ := set $files "postgres-ca" . -}}{{- end -}}
{{- with .certificateSecret -}}{{- $_ := set $files "postgres-certificate" . -}}{{- end -}}
{{- end -}}
{{- toYaml $files -}}
{{- end -}}

{{/* What the database's driver reads of the environment. */}}
{{- define "exporter.postgresVariables" -}}
{{- $directory := include "exporter.directory" . -}}
{{- $variables := list -}}
{{- with include "exporter.postgres" . | fromYaml -}}
{{- if .serviceKey -}}
{{- $variables = append $variables (dict "name" "PGSERVICEFILE" "value" (printf "%s/postgres/%s" $directory .serviceKey)) -}}
{{- end -}}
{{- if .caSecret -}}
{{- $variables = append $variables (dict "name" "PGSSLROOTCERT" "value" (printf "%s/postgres-ca/%s" $directory .caKey)) -}}
{{- end -}}
{{- if .certificateSecret -}}
{{- range $variable, $file := dict "PGSSLCERT" "tls.crt" "PGSSLKEY" "tls.key" -}}
{{- $variables = append $variables (dict "name" $variable "value" (printf "%s/postgres-certificate/%s" $directory $file)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toYaml $variables -}}
{{- end -}}

{{- define "exporter.replicas" -}}
{{- if kindIs "string" .Values.replicaCount -}}
{{- include "exporter.postgres" . | empty | ternary 1 2 -}}
{{- else -}}
{{- int .Values.replicaCount -}}
{{- end -}}
{{- end -}}

{{/* Replicas that may run anywhere are spread over the nodes, unless the user says how. */}}
{{- define "exporter.spread" -}}
{{- if or .Values.topologySpreadConstraints (not (include "exporter.postgres" .)) -}}
{{- toYaml .Values.topologySpreadConstraints -}}
{{- else -}}
- maxSkew: 1
  topologyKey: kubernetes.io/hostname
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels:
      {{- include "exporter.selectorLabels" . | nindent 6 }}
{{- end -}}
{{- end -}}

{{/* The settings file: what the user wrote, and where the chart mounts secrets and certificates. */}}
{{- define "exporter.config" -}}
{{- $config := deepCopy .Values.config -}}
{{- $directory := include "exporter.directory" . -}}
{{- range $alias, $account := $config.accounts -}}
{{- if hasKey $.Values.secrets $alias -}}
{{- $_ := set $account "client_secret_file" (printf "%s/secrets/%s/client_secret" $directory $alias) -}}
{{- $_ := set $account "refresh_token_file" (printf "%s/secrets/%s/refresh_token" $directory $alias) -}}
{{- end -}}
{{- end -}}
{{- if .Values.caBundle.configMap -}}
{{- $_ := set $config "ca_bundle" (printf "%s/ca/%s" $directory .Values.caBundle.key) -}}
{{- end -}}
{{- with include "exporter.postgres" . | fromYaml -}}
{{- $state := dict "url" .url -}}
{{- if and .existingSecret (not .serviceKey) -}}
{{- $_ := set $state "password_file" (printf "%s/postgres/%s" $directory .passwordKey) -}}
{{- end -}}
{{- $_ := set $config "state" $state -}}
{{- end -}}
{{- if .Values.apiToken.existingSecret -}}
{{- $token := printf "%s/api/%s" $directory .Values.apiToken.key -}}
{{- $_ := set $config "web" (merge (dict "api_token_file" $token) ($config.web | default dict)) -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}

{{/* "true" when the chart itself makes a Secret. */}}
{{- define "exporter.ownSecret" -}}
{{- range .Values.secrets -}}
{{- if not .existingSecret -}}true{{- end -}}
{{- end -}}
{{- end -}}

{{/* The Secrets that somebody else makes, and the keys that each must have. */}}
{{- define "exporter.expectedSecrets" -}}
{{- $found := list -}}
{{- if not .Values.demo -}}
{{- range $alias, $secret := .Values.secrets -}}
{{- with $secret.existingSecret -}}
{{- $keys := list ($secret.clientSecretKey | default "client_secret") ($secret.refreshTokenKey | default "refresh_token") -}}
{{- $found = append $found (printf "%s, with the keys %s (account %s)" . (join " and " $keys) $alias) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- with include "exporter.postgres" . | fromYaml -}}
{{- if .existingSecret -}}
{{- $found = append $found (printf "%s, with the key %s" .existingSecret (.serviceKey | default .passwordKey)) -}}
{{- end -}}
{{- with .caSecret -}}
{{- $found = append $found (printf "%s, with the key %s" . $.Values.state.postgres.caKey) -}}
{{- end -}}
{{- with .certificateSecret -}}
{{- $found = append $found (printf "%s, with the keys tls.crt and tls.key" .) -}}
{{- end -}}
{{- end -}}
{{- range list .Values.webConfig .Values.apiToken -}}
{{- if .existingSecret -}}
{{- $found = append $found (printf "%s, with the key %s" .existingSecret .key) -}}
{{- end -}}
{{- end -}}
{{- toYaml $found -}}
{{- end -}}

{{/* A probe of one page: (list $ path times). The kubelet has no client certificate, so there it only looks for an open
     port. */}}
{{- define "exporter.probe" -}}
{{- $root := index . 0 -}}
{{- if and $root.Values.webConfig.existingSecret $root.Values.webConfig.clientCertificate -}}
tcpSocket:
  port: http
{{- else -}}
httpGet:
  path: {{ include "exporter.prefix" $root }}{{ index . 1 }}
  port: http
  scheme: {{ include "exporter.scheme" $root | upper }}
{{- end }}
{{- with index . 2 }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* "true" when there is a way in from outside. */}}
{{- define "exporter.exposed" -}}
{{- if .Values.ingress.enabled -}}true{{- end -}}
{{- range .Values.route -}}
{{- if .enabled -}}true{{- end -}}
{{- end -}}
{{- end -}}

{{/* A duration of Prometheus, in seconds. */}}
{{- define "exporter.seconds" -}}
{{- $units := dict "ms" 0.001 "s" 1 "m" 60 "h" 3600 "d" 86400 "w" 604800 "y" 31536000 -}}
{{- $seconds := 0.0 -}}
{{- range regexFindAll "[0-9]+[a-z]+" . -1 -}}
{{- $seconds = addf $seconds (mulf (regexFind "[0-9]+" .) (get $units (regexFind "[a-z]+" .))) -}}
{{- end -}}
{{- $seconds -}}
{{- end -}}

{{/* The expression of an alert with another time than its own: (list rule duration). Times are written `30 * 60` there. */}}
{{- define "exporter.withThreshold" -}}
{{- $rule := first . -}}
{{- $time := "> [0-9]+ \\* (60|3600)\\b" -}}
{{- $times := regexFindAll "[<>]=? -?[0-9]+ \\* (60|3600)\\b" $rule.expr -1 -}}
{{- if or (ne (len $times) 1) (not (regexMatch $time $rule.expr)) -}}
{{- fail (printf "prometheusRule.alerts.%s.threshold: this alert does not stand on one time alone; its wait is `for`" $rule.alert) -}}
{{- end -}}
{{- regexReplaceAllLiteral $time $rule.expr (printf "> %s" (include "exporter.seconds" (last .))) -}}
{{- end -}}

{{/* The rule files' groups, with what prometheusRule says of their alerts; a group without a rule is left out. */}}
{{- define "exporter.ruleGroups" -}}
{{- $values := .Values.prometheusRule -}}
{{- $groups := list -}}
{{- range $path, $_ := .Files.Glob "files/rules/*.yml" -}}
{{- range ($.Files.Get $path | fromYaml).groups -}}
{{- $rules := list -}}
{{- range $rule := .rules -}}
{{- $own := get $values.alerts (.alert | default "") | default dict -}}
{{- if not .alert -}}
{{- $rules = append $rules . -}}
{{- else if ne (toString $own.enabled) "false" -}}
{{- $labels := include "exporter.given" (list 0 $own "severity") | fromYaml -}}
{{- $labels = merge $labels ($own.labels | default dict) $values.additionalRuleLabels (.labels | default dict) -}}
{{- $annotations := merge dict ($own.annotations | default dict) $values.additionalRuleAnnotations (.annotations | default dict) -}}
{{- $changes := dict "labels" $labels "annotations" $annotations -}}
{{- with $own.threshold -}}
{{- $_ := set $changes "expr" (include "exporter.withThreshold" (list $rule .)) -}}
{{- end -}}
{{- with $own.for -}}
{{- $_ := set $changes "for" . -}}
{{- end -}}
{{- with $own.keepFiringFor -}}
{{- $_ := set $changes "keep_firing_for" . -}}
{{- end -}}
{{- $rules = append $rules (merge $changes .) -}}
{{- end -}}
{{- end -}}
{{- if $rules -}}
{{- $groups = append $groups (merge (dict "rules" $rules) .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- with $values.rules -}}
{{- $groups = append $groups (dict "name" (include "exporter.fullname" $) "rules" .) -}}
{{- end -}}
{{- toYaml $groups -}}
{{- end -}}

{{- define "exporter.alertNames" -}}
{{- range $path, $_ := .Files.Glob "files/rules/*.yml" -}}
{{- range ($.Files.Get $path | fromYaml).groups -}}
{{- range .rules -}}
{{- with .alert }} {{ . }}{{ end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* What the schema can't say: values that only make sense together. */}}
{{- define "exporter.check" -}}
{{- $accounts := .Values.config.accounts | default dict -}}
{{- $variables := or .Values.env .Values.envFrom -}}
{{- if and .Values.serviceMonitor.enabled .Values.scrapeConfig.enabled -}}
{{- fail "serviceMonitor and scrapeConfig are both enabled: Prometheus would scrape everything twice; enable one" -}}
{{- end -}}
{{- if eq (toString .Values.enabled) "false" -}}
{{- fail "enabled=false leaves this chart out only where a parent chart names it in the condition of its dependency" -}}
{{- end -}}
{{- range $section := list "serviceMonitor" "scrapeConfig" -}}
{{- with get $.Values $section -}}
{{- if and .interval .scrapeTimeout -}}
{{- if gt (include "exporter.seconds" .scrapeTimeout | float64) (include "exporter.seconds" .interval | float64) -}}
{{- fail (printf "%s.scrapeTimeout (%s) is longer than %s.interval (%s), which Prometheus refuses: shorten it, or scrape less often" $section .scrapeTimeout $section .interval) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $alerts := include "exporter.alertNames" . | trim | splitList " " -}}
{{- range $name := keys .Values.prometheusRule.alerts | sortAlpha -}}
{{- if not (has $name $alerts) -}}
{{- fail (printf "prometheusRule.alerts.%s: there is no alert of that name; there are %s" $name (join ", " $alerts)) -}}
{{- end -}}
{{- end -}}
{{- with .Values.state.postgres -}}
{{- if regexMatch "^[a-z]+://[^/?@]*:[^/?]*@|[?&](password|sslpassword)=" .url -}}
{{- fail "state.postgres.url holds a password, which everybody would see: take it out, and name a Secret in state.postgres.existingSecret" -}}
{{- end -}}
{{- if and .serviceKey (not .existingSecret) -}}
{{- fail "state.postgres.serviceKey is a key of state.postgres.existingSecret: name that Secret" -}}
{{- end -}}
{{- if and .url $.Values.persistence.existingClaim -}}
{{- fail "persistence.existingClaim is a volume for a state file, but state.postgres.url keeps the state in a database: leave one of them empty" -}}
{{- end -}}
{{- end -}}
{{- with .Values.persistence -}}
{{- if and .enabled .existingClaim (gt (include "exporter.replicas" $ | int) 1) -}}
{{- fail "persistence.existingClaim is one volume, and each replica needs its own: set replicaCount to 1, or leave existingClaim empty" -}}
{{- end -}}
{{- end -}}
{{- $guarded := or .Values.demo .Values.apiToken.existingSecret .Values.webConfig.existingSecret (dig "web" "api_token_file" "" .Values.config) -}}
{{- if and (include "exporter.exposed" .) (not $guarded) -}}
{{- fail "ingress or route lets the outside in, and nothing asks who it is: set apiToken.existingSecret for the job API, or webConfig.existingSecret to a web-config file with basic auth" -}}
{{- end -}}
{{- if not .Values.demo -}}
{{- if not (or $accounts $variables) -}}
{{- fail "no account: describe one in config.accounts, give its variables by env or envFrom, or set demo=true to look around" -}}
{{- end -}}
{{- range $alias := keys .Values.secrets | sortAlpha -}}
{{- if not (hasKey $accounts $alias) -}}
{{- fail (printf "secrets.%s: config.accounts has no account of that name" $alias) -}}
{{- end -}}
{{- end -}}
{{- range $alias, $account := $accounts -}}
{{- $files := and $account.client_secret_file $account.refresh_token_file -}}
{{- if not (or $files $variables (hasKey $.Values.secrets $alias)) -}}
{{- fail (printf "config.accounts.%s has no secrets: set secrets.%s.existingSecret to a Secret with the keys client_secret and refresh_token" $alias $alias) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Labels of the pod of `helm test`; not the exporter's, or its Service would take it for a replica. */}}
{{- define "exporter.testLabels" -}}
app.kubernetes.io/name: {{ include "exporter.name" . }}-test
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{/* Labels of the API's Service; not the exporter's, or Prometheus would scrape what it leads to twice. */}}
{{- define "exporter.apiLabels" -}}
app.kubernetes.io/name: {{ include "exporter.name" . }}-api
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

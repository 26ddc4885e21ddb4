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

{{- define "exporter.labels" -}}
{{ include "exporter.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end -}}

{{/* name, labels and annotations of an object: (list $ "-suffix" labels annotations), where labels win over the chart's. */}}
{{- define "exporter.metadata" -}}
{{- $root := index . 0 -}}
name: {{ include "exporter.fullname" $root }}{{ index . 1 }}
labels:
  {{- merge (dict) (index . 2) (include "exporter.labels" $root | fromYaml) | toYaml | nindent 2 }}
{{- with index . 3 }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "exporter.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
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

{{- define "exporter.telemetryPath" -}}
{{- dig "web" "telemetry_path" "/metrics" .Values.config -}}
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

{{/* A probe of one page; the kubelet has no client certificate, so there it only looks for an open port. */}}
{{- define "exporter.probe" -}}
{{- $root := index . 0 -}}
{{- if and $root.Values.webConfig.existingSecret $root.Values.webConfig.clientCertificate -}}
tcpSocket:
  port: http
{{- else -}}
httpGet:
  path: {{ index . 1 }}
  port: http
  scheme: {{ include "exporter.scheme" $root | upper }}
{{- end }}
timeoutSeconds: 5
{{- end -}}

{{/* What the schema can't say: values that only make sense together. */}}
{{- define "exporter.check" -}}
{{- $accounts := .Values.config.accounts | default dict -}}
{{- $variables := or .Values.env .Values.envFrom -}}
{{- if and .Values.serviceMonitor.enabled .Values.scrapeConfig.enabled -}}
{{- fail "serviceMonitor and scrapeConfig are both enabled: Prometheus would scrape everything twice; enable one" -}}
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

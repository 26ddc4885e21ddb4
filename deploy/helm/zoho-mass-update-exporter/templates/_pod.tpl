{{/* The pod, of whichever workload. */}}
{{- define "exporter.pod" -}}
{{- $directory := include "exporter.directory" . -}}
{{- $postgres := include "exporter.postgres" . -}}
{{- $variables := include "exporter.postgresVariables" . | fromYamlArray -}}
metadata:
  labels:
    {{- merge (include "exporter.selectorLabels" . | fromYaml) .Values.podLabels .Values.commonLabels | toYaml | nindent 4 }}
  annotations:
    # Of the sections that the exporter reads at its start only.
    checksum/web-and-log: {{ pick (include "exporter.config" . | fromYaml) "web" "log" "state" | toYaml | sha256sum }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "exporter.serviceAccount" . }}
  automountServiceAccountToken: {{ .Values.automountServiceAccountToken }}
  # The variables of other services could look like settings.
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
  securityContext:
    {{- toYaml .Values.podSecurityContext | nindent 4 }}
  {{- with include "exporter.pullSecrets" . | fromYamlArray }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- include "exporter.given" (list 2 .Values "priorityClassName" "nodeSelector" "tolerations" "affinity" "hostAliases" "dnsPolicy" "dnsConfig" "initContainers") }}
  {{- with include "exporter.spread" . | fromYamlArray }}
  topologySpreadConstraints:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: exporter
      image: {{ include "exporter.image" . | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args:
        {{- if .Values.demo }}
        - demo
        {{- else }}
        - run
        - --config.file={{ $directory }}/config/zoho.yaml
        {{- if not $postgres }}
        - --state.path=/var/lib/zoho-mass-update-exporter/state.db
        {{- end }}
        {{- if .Values.webConfig.existingSecret }}
        - --web.config.file={{ $directory }}/web/{{ .Values.webConfig.key }}
        {{- end }}
        {{- end }}
        - --web.listen-address=:10042
        {{- with .Values.extraArgs }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- if or .Values.proxy.url .Values.env $variables }}
      env:
        {{- with $variables }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
        {{- with .Values.proxy }}
        {{- if .url }}
        - name: HTTPS_PROXY
          value: {{ .url | quote }}
        {{- if .noProxy }}
        - name: NO_PROXY
          value: {{ .noProxy | quote }}
        {{- end }}
        {{- end }}
        {{- end }}
        {{- with .Values.env }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- end }}
      {{- with .Values.envFrom }}
      envFrom:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      ports:
        - name: http
          containerPort: 10042
      startupProbe:
        {{- include "exporter.probe" (list . "/-/healthy" .Values.startupProbe) | nindent 8 }}
      livenessProbe:
        {{- include "exporter.probe" (list . "/-/healthy" .Values.livenessProbe) | nindent 8 }}
      readinessProbe:
        {{- include "exporter.probe" (list . "/-/ready" .Values.readinessProbe) | nindent 8 }}
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
      securityContext:
        {{- toYaml .Values.securityContext | nindent 8 }}
      volumeMounts:
        # Whole directories: a file mounted by subPath would never change.
        - name: config
          mountPath: {{ $directory }}/config
          readOnly: true
        {{- range $name, $_ := include "exporter.postgresFiles" . | fromYaml }}
        - name: {{ $name }}
          mountPath: {{ $directory }}/{{ $name }}
          readOnly: true
        {{- end }}
        {{- if not $postgres }}
        - name: state
          mountPath: /var/lib/zoho-mass-update-exporter
        {{- end }}
        {{- if .Values.secrets }}
        - name: secrets
          mountPath: {{ $directory }}/secrets
          readOnly: true
        {{- end }}
        {{- if .Values.caBundle.configMap }}
        - name: ca
          mountPath: {{ $directory }}/ca
          readOnly: true
        {{- end }}
        {{- if .Values.webConfig.existingSecret }}
        - name: web
          mountPath: {{ $directory }}/web
          readOnly: true
        {{- end }}
        {{- if .Values.apiToken.existingSecret }}
        - name: api
          mountPath: {{ $directory }}/api
          readOnly: true
        {{- end }}
        {{- with .Values.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    {{- with .Values.extraContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  volumes:
    - name: config
      configMap:
        name: {{ include "exporter.fullname" . }}
    {{- range $name, $secret := include "exporter.postgresFiles" . | fromYaml }}
    - name: {{ $name }}
      secret:
        secretName: {{ $secret }}
        defaultMode: 0440
    {{- end }}
    {{- if not $postgres }}
    {{- with .Values.persistence }}
    {{- if not .enabled }}
    - name: state
      emptyDir: {}
    {{- else if .existingClaim }}
    - name: state
      persistentVolumeClaim:
        claimName: {{ .existingClaim }}
    {{- end }}
    {{- end }}
    {{- end }}
    {{- if .Values.secrets }}
    - name: secrets
      projected:
        # Readable by the group of podSecurityContext.fsGroup.
        defaultMode: 0440
        sources:
          {{- range $alias, $secret := .Values.secrets }}
          - secret:
              {{- if .existingSecret }}
              name: {{ .existingSecret }}
              items:
                - key: {{ .clientSecretKey | default "client_secret" }}
                  path: {{ $alias }}/client_secret
                - key: {{ .refreshTokenKey | default "refresh_token" }}
                  path: {{ $alias }}/refresh_token
              {{- else }}
              name: {{ include "exporter.fullname" $ }}
              items:
                - key: {{ $alias }}.client_secret
                  path: {{ $alias }}/client_secret
                - key: {{ $alias }}.refresh_token
                  path: {{ $alias }}/refresh_token
              {{- end }}
          {{- end }}
    {{- end }}
    {{- with .Values.caBundle.configMap }}
    - name: ca
      configMap:
        name: {{ . }}
    {{- end }}
    {{- with .Values.webConfig.existingSecret }}
    - name: web
      secret:
        secretName: {{ . }}
        defaultMode: 0440
    {{- end }}
    {{- with .Values.apiToken.existingSecret }}
    - name: api
      secret:
        secretName: {{ . }}
        defaultMode: 0440
    {{- end }}
    {{- with .Values.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}

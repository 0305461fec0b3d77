{{- define "archiver.name" -}}
{{- if contains "bulk-archiver" .Release.Name }}{{ .Release.Name | trunc 52 }}{{ else }}{{ printf "%s-bulk-archiver" .Release.Name | trunc 52 }}{{ end -}}
{{- end }}
{{- define "archiver.selector" -}}
app.kubernetes.io/name: bulk-archiver
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}
{{- define "archiver.labels" -}}
{{ include "archiver.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}
{{- define "archiver.image" -}}
{{- $tag := .Values.image.tag | default .Chart.AppVersion -}}
{{- if .Values.image.digest }}{{ .Values.image.repository }}@{{ .Values.image.digest }}{{ else }}{{ .Values.image.repository }}:{{ $tag }}{{ end -}}
{{- end }}
{{- define "archiver.config" -}}
{{- $http := dict "listen" (printf "0.0.0.0:%v" .Values.http.port) -}}
{{- if and .Values.existingSecret .Values.http.tokenKey -}}
{{- $_ := set $http "tokenFile" (printf "/run/secrets/bulk-archiver/%s" .Values.http.tokenKey) -}}
{{- end -}}
{{- $set := dict "drainTimeout" (printf "%vs" .Values.drainSeconds) "http" $http -}}
{{ toYaml (mergeOverwrite (deepCopy .Values.config) $set) }}
{{- end }}

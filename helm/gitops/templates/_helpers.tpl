{{- define "gitops.name" -}}
{{- if contains "gitops" .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-gitops{{ end }}
{{- end }}

{{- define "gitops.selector" -}}
app.kubernetes.io/name: gitops
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "gitops.labels" -}}
{{ include "gitops.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end }}

{{- define "gitops.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{/* What both containers may do: nothing that Pod Security "restricted" leaves open, and no writes to the image. */}}
{{- define "gitops.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- define "gitops.impersonate" -}}
apiGroups: [""]
resources: [serviceaccounts]
verbs: [impersonate]
{{- with .Values.rbac.impersonate.names }}
resourceNames: {{ toJson . }}
{{- end }}
{{- end }}

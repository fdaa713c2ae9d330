{{- define "serin.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* Every object's name; some have a word added. */}}
{{- define "serin.fullname" -}}
{{- $name := include "serin.name" . -}}
{{- $full := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) -}}
{{- default $full .Values.fullnameOverride | trunc 55 | trimSuffix "-" -}}
{{- end -}}

{{/* Objects without a namespace are one world for all releases of a cluster. */}}
{{- define "serin.clusterName" -}}
{{ printf "%s-%s" .Release.Namespace (include "serin.fullname" .) | trunc 100 }}
{{- end -}}

{{- define "serin.selector" -}}
app.kubernetes.io/name: {{ include "serin.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "serin.labels" -}}
{{ include "serin.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "serin.serviceAccount" -}}
{{- default (.Values.serviceAccount.create | ternary (include "serin.fullname" .) "default") .Values.serviceAccount.name -}}
{{- end -}}

{{/* Whether Serin is somebody from outside, whom the cluster knows by name. */}}
{{- define "serin.isUser" -}}
{{- if and (eq .Values.mode "cloud") .Values.cloud.users }}yes{{ end -}}
{{- end -}}

{{/* Serin's names in the cluster, as the API server's audit log has them: a JSON list. */}}
{{- define "serin.usernames" -}}
{{- $account := printf "system:serviceaccount:%s:%s" .Release.Namespace (include "serin.serviceAccount" .) -}}
{{- include "serin.isUser" . | empty | not | ternary .Values.cloud.users (list $account) | toJson -}}
{{- end -}}

{{/* Whom the rights are given to. */}}
{{- define "serin.subjects" -}}
{{- if include "serin.isUser" . -}}
{{- range .Values.cloud.users }}
- kind: User
  apiGroup: rbac.authorization.k8s.io
  name: {{ . | quote }}
{{- end }}
{{- else }}
- kind: ServiceAccount
  name: {{ include "serin.serviceAccount" . }}
  namespace: {{ .Release.Namespace }}
{{- end -}}
{{- end -}}

{{- define "serin.claim" -}}
{{- default (include "serin.fullname" .) .Values.persistence.existingClaim -}}
{{- end -}}

{{- define "serin.tlsSecret" -}}
{{- default (printf "%s-tls" (include "serin.fullname" .)) .Values.webhook.tlsSecret -}}
{{- end -}}

{{- define "serin.webhookSecret" -}}
{{ include "serin.fullname" . }}-webhook
{{- end -}}

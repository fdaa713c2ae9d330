{{- define "loadtester.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "loadtester.fullname" -}}
{{- $name := include "loadtester.name" . -}}
{{- $full := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) -}}
{{- default $full .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "loadtester.selector" -}}
app: {{ include "loadtester.fullname" . }}
{{- end -}}

{{- define "loadtester.labels" -}}
app.kubernetes.io/name: {{ include "loadtester.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "loadtester.secret" -}}
{{- default (include "loadtester.fullname" .) .Values.login.existingSecret -}}
{{- end -}}

{{/* The token of the values, else the one that is there, else a new one. */}}
{{- define "loadtester.token" -}}
{{- $there := lookup "v1" "Secret" .Release.Namespace (include "loadtester.fullname" .) | default dict -}}
{{- $kept := dig "data" "tokens" "" $there | b64dec -}}
{{- .Values.login.token | default $kept | default (randAlphaNum 40) -}}
{{- end -}}

{{/* Services that have "loadtester" in their name put variables with the same prefix into pods: see enableServiceLinks. */}}
{{- define "loadtester.env" -}}
LOADTESTER_PROGRAMS: {{ join "," .Values.cmd.programs | quote }}
LOADTESTER_HOSTS: {{ join "," .Values.cmd.hosts | quote }}
LOADTESTER_NAMESPACES: {{ join "," .Values.namespaces | quote }}
LOADTESTER_MOST_RUNNING: {{ .Values.cmd.mostRunning | quote }}
LOADTESTER_COMMAND_TIMEOUT: {{ .Values.cmd.timeout | quote }}
LOADTESTER_LOG_OUTPUT: {{ .Values.cmd.logOutput | quote }}
LOADTESTER_GATE_TIMEOUT: {{ .Values.gates.timeout | quote }}
LOADTESTER_GATE_FILE: /state/gates.db
{{- end -}}

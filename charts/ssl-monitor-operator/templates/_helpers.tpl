{{/* What this chart is called in labels. */}}
{{- define "sslmonitor.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* The name of what is installed, with room for what objects append to it. */}}
{{- define "sslmonitor.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 48 | trimSuffix "-" -}}
{{- else if or (contains "sslmonitor" .Release.Name) (contains "ssl-monitor" .Release.Name) -}}
{{- .Release.Name | trunc 48 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-sslmonitor" (.Release.Name | trunc 37 | trimSuffix "-") -}}
{{- end -}}
{{- end -}}

{{/* By which the pod is found: never more than this, since a Deployment's selector cannot change. */}}
{{- define "sslmonitor.selectorLabels" -}}
app.kubernetes.io/name: {{ include "sslmonitor.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* The labels of the pod: nothing that changes with the chart alone, or the operator would start anew for nothing. */}}
{{- define "sslmonitor.podLabels" -}}
{{ include "sslmonitor.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: ssl-monitor-operator
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "sslmonitor.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "sslmonitor.podLabels" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "sslmonitor.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "sslmonitor.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- required "serviceAccount.name must name the ServiceAccount that is there when serviceAccount.create is false" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "sslmonitor.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{- printf "%s@%s" .repository .digest -}}
{{- else -}}
{{- printf "%s:%s" .repository (default $.Chart.AppVersion .tag) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The arguments of the container. What has no value is not said. */}}
{{- define "sslmonitor.args" -}}
- run
{{- with .Values.operator }}
- --admin-address=0.0.0.0:{{ .adminPort }}
{{- with .allowCIDRs }}
- --allow-cidr={{ join "," . }}
{{- end }}
{{- with .denyCIDRs }}
- --deny-cidr={{ join "," . }}
{{- end }}
{{- if .publicOnly }}
- --public-only
{{- end }}
{{- with .resolver }}
- --resolver={{ . }}
{{- end }}
{{- with .proxy }}
- --proxy={{ . }}
{{- end }}
{{- with .noProxy }}
- {{ printf "--no-proxy=%s" (join "," .) | quote }}
{{- end }}
{{- if .allowHTTPChannels }}
- --allow-http-channels
{{- end }}
{{- with .channelAllowCIDRs }}
- --channel-allow-cidr={{ join "," . }}
{{- end }}
{{- with .clusterName }}
- {{ printf "--cluster-name=%s" . | quote }}
{{- end }}
- --alert-resend-interval={{ .alertResendInterval }}
- --concurrency={{ .concurrency }}
- --status-writes={{ .statusWrites }}
{{- with .compatMetrics }}
- --compat-metrics={{ join "," . }}
{{- end }}
{{- with $.Values.rbac.namespaces }}
- --namespaces={{ join "," (uniq .) }}
{{- end }}
{{- with $.Values.leaderElection }}
{{- if .enabled }}
- --leader-elect
- --leader-elect-resource-name={{ include "sslmonitor.fullname" $ }}
- --leader-elect-lease-duration={{ .leaseDuration }}
- --leader-elect-renew-deadline={{ .renewDeadline }}
- --leader-elect-retry-period={{ .retryPeriod }}
{{- end }}
{{- end }}
- --log-format={{ .logFormat }}
- {{ printf "--log-level=%s" .logLevel | quote }}
{{- with .extraArgs }}
{{ toYaml . }}
{{- end }}
{{- end }}
{{- end -}}

{{/* How Prometheus scrapes: the labels namespace and name of the series are the monitor's and have to stay. */}}
{{- define "sslmonitor.endpoint" -}}
port: admin
path: /metrics
honorLabels: true
{{- with .interval }}
interval: {{ . }}
{{- end }}
{{- with .scrapeTimeout }}
scrapeTimeout: {{ . }}
{{- end }}
{{- with .relabelings }}
relabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .metricRelabelings }}
metricRelabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/*
The alerts. An alert of the same name in two severities lets Alertmanager inhibit the lesser one.
A certificate that is not valid is told by SslMonitorCertificateInvalid alone, whenever it ends.
*/}}
{{- define "sslmonitor.alerts" -}}
{{- with .Values.metrics.prometheusRule -}}
- alert: SslMonitorCertificateExpiring
  expr: sslmonitor_certificate_expiring == 1 unless on (namespace, name) sslmonitor_certificate_valid == 0
  for: 5m
  labels:
    severity: warning
  annotations:
    summary: The certificate of {{ `{{ $labels.domain }}:{{ $labels.port }}` }} expires soon
    description: >-
      A certificate that is served at {{ `{{ $labels.domain }}:{{ $labels.port }}` }} ends within the alertDays of the SslMonitor
      {{ `{{ $labels.namespace }}/{{ $labels.name }}` }}, and has not been replaced yet.
- alert: SslMonitorCertificateExpiring
  expr: >-
    sslmonitor_certificate_not_after_timestamp_seconds - time() < {{ mul .criticalDays 86400 }}
    and on (namespace, name) sslmonitor_certificate_expiring == 1
    unless on (namespace, name) sslmonitor_certificate_valid == 0
  for: 5m
  labels:
    severity: critical
  annotations:
    summary: The certificate of {{ `{{ $labels.domain }}:{{ $labels.port }}` }} expires in {{ `{{ $value | humanizeDuration }}` }}
    description: >-
      The certificate that is served at {{ `{{ $labels.domain }}:{{ $labels.port }}` }} (SslMonitor
      {{ `{{ $labels.namespace }}/{{ $labels.name }}` }}) ends in less than {{ .criticalDays }} days, and has not been replaced yet.
- alert: SslMonitorCertificateInvalid
  expr: sslmonitor_certificate_valid == 0
  for: 5m
  labels:
    severity: critical
  annotations:
    summary: The certificate of {{ `{{ $labels.domain }}:{{ $labels.port }}` }} is not valid
    description: >-
      Clients refuse the certificate that is served at {{ `{{ $labels.domain }}:{{ $labels.port }}` }}. Why:
      kubectl -n {{ `{{ $labels.namespace }} describe sslmonitor {{ $labels.name }}` }}
- alert: SslMonitorTargetUnreachable
  expr: sslmonitor_up == 0
  for: {{ .unreachableMinutes }}m
  labels:
    severity: warning
  annotations:
    summary: No certificate can be fetched from {{ `{{ $labels.domain }}:{{ $labels.port }}` }}
    description: >-
      There has been no TLS handshake with {{ `{{ $labels.domain }}:{{ $labels.port }}` }} for {{ .unreachableMinutes }} minutes. Why:
      kubectl -n {{ `{{ $labels.namespace }} describe sslmonitor {{ $labels.name }}` }}
- alert: SslMonitorEndpointsDiffer
  expr: sslmonitor_endpoints_consistent == 0
  for: 30m
  labels:
    severity: warning
  annotations:
    summary: The addresses of {{ `{{ $labels.domain }}:{{ $labels.port }}` }} do not show the same
    description: >-
      Some addresses behind {{ `{{ $labels.domain }}:{{ $labels.port }}` }} serve another certificate, or none. Which:
      kubectl -n {{ `{{ $labels.namespace }} describe sslmonitor {{ $labels.name }}` }}
- alert: SslMonitorUnexpectedCertificate
  expr: sslmonitor_served_certificate_matches == 0
  for: 30m
  labels:
    severity: warning
  annotations:
    summary: Another certificate than expected is served at {{ `{{ $labels.domain }}:{{ $labels.port }}` }}
    description: >-
      What {{ `{{ $labels.domain }}:{{ $labels.port }}` }} serves is not what spec.expect of the SslMonitor
      {{ `{{ $labels.namespace }}/{{ $labels.name }}` }} asks for, for example because the server was not reloaded after a renewal.
- alert: SslMonitorStale
  # A disabled monitor has no sslmonitor_up.
  expr: >-
    time() - sslmonitor_last_check_timestamp_seconds > {{ mul .staleHours 3600 }}
    and on (namespace, name) sslmonitor_up
  for: 10m
  labels:
    severity: warning
  annotations:
    summary: '{{ `{{ $labels.domain }}:{{ $labels.port }}` }} has not been checked for {{ `{{ $value | humanizeDuration }}` }}'
    description: >-
      What is known of {{ `{{ $labels.domain }}:{{ $labels.port }}` }} (SslMonitor {{ `{{ $labels.namespace }}/{{ $labels.name }}` }})
      is old. The operator's log says why.
- alert: SslMonitorChecksLate
  expr: sum by (job, instance) (sslmonitor_schedule_ready) > 0
  for: 30m
  labels:
    severity: warning
  annotations:
    summary: Checks have been late for half an hour
    description: >-
      {{ `{{ $value }}` }} checks are due and wait for a slot. Raise operator.concurrency and the resources of the operator.
- alert: SslMonitorStatusWritesFailing
  expr: sum by (job, instance) (increase(sslmonitor_status_writes_total{outcome="error"}[15m])) > 0
  for: 15m
  labels:
    severity: warning
  annotations:
    summary: Results cannot be written to the cluster
    description: >-
      The API server has been refusing status writes of the operator for a quarter of an hour. The operator's log says why.
- alert: SslMonitorOperatorDown
  expr: absent(sslmonitor_build_info)
  for: 10m
  labels:
    severity: critical
  annotations:
    summary: No certificate is watched
    description: >-
      Prometheus has scraped no ssl-monitor-operator for ten minutes: it does not run, or is not scraped any more.
{{- end -}}
{{- end -}}

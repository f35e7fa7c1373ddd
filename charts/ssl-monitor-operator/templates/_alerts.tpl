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
    runbook: >-
      Renew the certificate, or find out why it is not renewed by itself, and have every server that serves it take the new one up.
      Which address serves it, and until when: kubectl -n {{ `{{ $labels.namespace }} describe sslmonitor {{ $labels.name }}` }}
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
    runbook: >-
      Renew the certificate, or find out why it is not renewed by itself, and have every server that serves it take the new one up.
      Which address serves it, and until when: kubectl -n {{ `{{ $labels.namespace }} describe sslmonitor {{ $labels.name }}` }}
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
    runbook: >-
      The condition CertificateValid and the findings in the status say what is wrong: replace the certificate, or complete its chain.
      Where clients trust an authority of their own, name it in spec.tls.caBundle.
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
    runbook: >-
      The condition Reachable says why. What is down on purpose gets spec.enabled: false. Where only the operator cannot reach it, look
      at network policies, at DNS and at --allow-cidr.
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
    runbook: >-
      The endpoints in the status say what each address serves. Wait for the end of a roll-out, or mend the address that was left out.
      Where each has a certificate of its own on purpose, set spec.addresses to Any.
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
    runbook: >-
      Have the server take up the certificate that was renewed, for example by a restart. Where another one is expected now, change
      spec.expect.
- alert: SslMonitorStale
  # A disabled monitor has no sslmonitor_interval_seconds.
  expr: time() - sslmonitor_last_check_timestamp_seconds > {{ .staleIntervals }} * sslmonitor_interval_seconds
  for: 10m
  labels:
    severity: warning
  annotations:
    summary: '{{ `{{ $labels.domain }}:{{ $labels.port }}` }} has not been checked for {{ `{{ $value | humanizeDuration }}` }}'
    description: >-
      What is known of {{ `{{ $labels.domain }}:{{ $labels.port }}` }} (SslMonitor {{ `{{ $labels.namespace }}/{{ $labels.name }}` }})
      is old.
    runbook: >-
      The operator's log says why; SslMonitorChecksLate and SslMonitorStatusWritesFailing name the usual reasons. To have it checked
      now, give it a new value of the annotation sslmonitor.io/requestedAt.
- alert: SslMonitorChecksLate
  expr: sum by (job, instance) (sslmonitor_schedule_ready) > 0
  for: 30m
  labels:
    severity: warning
  annotations:
    summary: Checks have been late for half an hour
    description: >-
      {{ `{{ $value }}` }} checks are due and wait for a slot.
    runbook: >-
      Raise operator.concurrency and the resources of the operator, or the interval of monitors. Many targets that do not answer hold
      their slots until the timeout: see SslMonitorTargetUnreachable.
- alert: SslMonitorStatusWritesFailing
  expr: sum by (job, instance) (increase(sslmonitor_status_writes_total{outcome="error"}[15m])) > 0
  for: 15m
  labels:
    severity: warning
  annotations:
    summary: Results cannot be written to the cluster
    description: >-
      The API server has been refusing status writes of the operator for a quarter of an hour.
    runbook: >-
      The operator's log names the error: rules missing from its ClusterRole, definitions (CRDs) older than the operator, or an API
      server that is overloaded.
- alert: SslMonitorDeliveryFailing
  expr: max by (job, instance) (sslmonitor_notifications_oldest_pending_age_seconds) > {{ mul .deliveryMinutes 60 }}
  for: 5m
  labels:
    severity: warning
  annotations:
    summary: Nobody has been told for {{ `{{ $value | humanizeDuration }}` }}
    description: >-
      A message about a certificate has been waiting to be delivered for more than {{ .deliveryMinutes }} minutes.
    runbook: >-
      The lastError of the NotificationChannels says why: kubectl get notificationchannels -A -o yaml. Nothing is lost: what waits is
      sent when the receiver takes messages again or its channel is no longer suspended, and what was refused when the channel or its
      Secret is mended.
- alert: SslMonitorDeliveryFailing
  # What was refused goes on waiting until its channel is mended or forgets it.
  expr: >-
    sum by (job, instance) (increase(sslmonitor_notifications_total{result="refused"}[1h])) > 0
    and on (job, instance) sslmonitor_notifications_pending > 0
  for: 1m
  labels:
    severity: critical
  annotations:
    summary: A receiver has refused messages about certificates
    description: >-
      A NotificationChannel has refused a message for good: it is not sent again until the channel or its Secret is another one.
    runbook: >-
      The lastError of the NotificationChannels says why: kubectl get notificationchannels -A -o yaml. Nothing is lost: what waits is
      sent when the receiver takes messages again or its channel is no longer suspended, and what was refused when the channel or its
      Secret is mended.
- alert: SslMonitorNoLeader
  expr: max by (job) (sslmonitor_leader) == 0
  for: 5m
  labels:
    severity: critical
  annotations:
    summary: No replica of the operator acts
    description: >-
      All replicas of ssl-monitor-operator that Prometheus scrapes have been standing by for five minutes: nobody checks or alerts.
    runbook: >-
      The log of the replicas says who holds the Lease, or why it cannot be taken: kubectl get leases -A. Where its holder is no
      longer there, it is taken over when its time is up; where it may not be written, the Role for it is missing.
- alert: SslMonitorOperatorDown
  expr: absent(sslmonitor_build_info)
  for: 10m
  labels:
    severity: critical
  annotations:
    summary: No certificate is watched
    description: >-
      Prometheus has scraped no ssl-monitor-operator for ten minutes: it does not run, or is not scraped any more.
    runbook: >-
      See whether its pod runs (kubectl get pods -A -l app.kubernetes.io/name=ssl-monitor-operator) and what its log says, then whether
      Prometheus scrapes it: the target, the ServiceMonitor and its labels, network policies.
{{- end -}}
{{- end -}}

{{/*
A ValidatingAdmissionPolicy of validations, and its binding to the namespaces of a selector.
Takes root, name, resource, variables and validations (YAML), and selector; without validations there is nothing.
*/}}
{{- define "sslmonitor.policy" -}}
{{- if .validations -}}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata:
  name: {{ .name }}
  labels:
    {{- include "sslmonitor.labels" .root | nindent 4 }}
spec:
  failurePolicy: Fail
  matchConstraints:
    resourceRules:
      - apiGroups: [sslmonitor.io]
        apiVersions: [v1]
        operations: [CREATE, UPDATE]
        resources: [{{ .resource }}]
  {{- with .variables }}
  variables:
    {{- . | nindent 4 }}
  {{- end }}
  validations:
    {{- .validations | nindent 4 }}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: {{ .name }}
  labels:
    {{- include "sslmonitor.labels" .root | nindent 4 }}
spec:
  policyName: {{ .name }}
  validationActions: [Deny]
  {{- with .selector }}
  matchResources:
    namespaceSelector:
      {{- toYaml . | nindent 6 }}
  {{- end }}
{{ end }}
{{- end -}}

{{/* A list of words as one of CEL. */}}
{{- define "sslmonitor.celList" -}}
{{- printf "['%s']" (join "', '" .) | quote -}}
{{- end -}}

{{/* What monitors may ask for, by these rules. */}}
{{- define "sslmonitor.monitorPolicy.variables" -}}
{{- with .allowedDomains -}}
- name: allowed
  expression: {{ include "sslmonitor.celList" . }}
{{- end -}}
{{- end -}}

{{/* The same as validations. */}}
{{- define "sslmonitor.monitorPolicy.validations" -}}
{{- with .allowedDomains -}}
- expression: variables.allowed.exists(d, object.spec.domain == d || object.spec.domain.endsWith('.' + d))
  message: {{ printf "spec.domain must be one of these or below one of them: %s" (join ", " .) | quote }}
- expression: >-
    !has(object.spec.address) ||
    variables.allowed.exists(d, object.spec.address == d || object.spec.address.endsWith('.' + d))
  message: {{ printf "spec.address must be one of these or below one of them: %s" (join ", " .) | quote }}
{{- end }}
{{- if and (hasKey . "allowProxy") (not .allowProxy) }}
- expression: "!has(object.spec.proxy)"
  message: spec.proxy is not allowed here
{{- end }}
{{- end -}}

{{/* Where channels may lead, by these rules. */}}
{{- define "sslmonitor.channelPolicy.variables" -}}
{{- with .allowedChannelTypes }}
- name: types
  expression: {{ include "sslmonitor.celList" . }}
{{- end }}
{{- with .allowedChannelHosts }}
- name: allowed
  expression: {{ include "sslmonitor.celList" . }}
# Where types lead that need no address.
- name: usual
  expression: >-
    {'telegram': 'api.telegram.org', 'pagerduty': 'events.pagerduty.com', 'opsgenie': 'api.opsgenie.com'}
- name: authority
  expression: >-
    !has(object.spec.address) ? variables.usual[?object.spec.type].orValue('')
    : object.spec.address.split('://')[1].split('/')[0].split('?')[0].split('#')[0].lowerAscii()
# Without port, without the brackets of an IPv6 address, and without the dot of the root; nothing where it is anything else.
- name: dotted
  expression: >-
    !variables.authority.matches('^([-a-z0-9.]+|[[][0-9a-f:.]+[]])(:[0-9]+)?$') ? ''
    : variables.authority.find('^([[][^]]+[]]|[^:]+)').replace('[', '').replace(']', '')
- name: host
  expression: >-
    variables.dotted.endsWith('.') ? variables.dotted.substring(0, size(variables.dotted) - 1) : variables.dotted
{{- end }}
{{- end -}}

{{/* The same as validations. */}}
{{- define "sslmonitor.channelPolicy.validations" -}}
{{- with .allowedChannelTypes }}
- expression: object.spec.type in variables.types
  message: {{ printf "spec.type must be one of these: %s" (join ", " .) | quote }}
{{- end }}
{{- with .allowedChannelHosts }}
- expression: >-
    {{- if $.allowChannelSecrets }}
    (has(object.spec.secretRef) && !has(object.spec.address) && !(object.spec.type in variables.usual)) ||
    {{- end }}
    variables.allowed.exists(d, variables.host == d || variables.host.endsWith('.' + d))
  message: {{ printf "the channel must lead to one of these hosts or below one of them: %s" (join ", " .) | quote }}
{{- if not $.allowChannelSecrets }}
- expression: "!has(object.spec.secretRef)"
  message: "spec.secretRef is not allowed here: the Secret's address would go first, and cannot be seen when the channel is applied"
{{- end }}
{{- end }}
{{- end -}}

{{/* Both policies of these rules. Takes root, rules, selector, and the suffix of the names. */}}
{{- define "sslmonitor.policies" -}}
{{- $name := include "sslmonitor.fullname" .root -}}
{{- $both := list (list "monitors" "sslmonitors" "monitorPolicy") (list "channels" "notificationchannels" "channelPolicy") -}}
{{- range $both }}
{{- $define := printf "sslmonitor.%s" (index . 2) -}}
{{- include "sslmonitor.policy" (dict
  "root" $.root
  "name" (printf "%s-%s%s" $name (index . 0) $.suffix)
  "resource" (index . 1)
  "selector" $.selector
  "variables" (include (printf "%s.variables" $define) $.rules | trim)
  "validations" (include (printf "%s.validations" $define) $.rules | trim)
) -}}
{{- end -}}
{{- end -}}

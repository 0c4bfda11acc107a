{{- define "crosswalk.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "crosswalk.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains (include "crosswalk.name" .) .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "crosswalk.name" .) | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "crosswalk.selectorLabels" -}}
app.kubernetes.io/name: {{ include "crosswalk.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "crosswalk.labels" -}}
{{ include "crosswalk.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "crosswalk.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- /* The configuration, with where to listen: on loopback beside an application, on the pod's address otherwise. */ -}}
{{- define "crosswalk.config" -}}
{{- $host := ternary "0.0.0.0" "127.0.0.1" .Values.deployment.enabled -}}
listen: {{ printf "%s:%v" $host .Values.service.port | quote }}
admin_listen: {{ printf "0.0.0.0:%v" .Values.service.adminPort | quote }}
{{ toYaml .Values.config }}
{{- end -}}

{{- /* What Crosswalk needs to run as root's opposite. */ -}}
{{- define "crosswalk.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- /* The names that it answers to: callers use the service's, Prometheus the pod's address. */ -}}
{{- define "crosswalk.allowedHosts" -}}
{{- $hosts := list "$(POD_IP)" -}}
{{- if .Values.deployment.enabled -}}
{{- $name := include "crosswalk.fullname" . -}}
{{- $hosts = concat $hosts (list $name (printf "%s.%s" $name .Release.Namespace) (printf "%s.%s.svc" $name .Release.Namespace) (printf "%s.%s.svc.cluster.local" $name .Release.Namespace)) -}}
{{- end -}}
{{- concat $hosts (.Values.config.allowed_hosts | default list) .Values.allowedHosts | join "," -}}
{{- end -}}

{{- /* The container, alike in a deployment of its own and beside an application. */ -}}
{{- define "crosswalk.container" -}}
name: crosswalk
image: {{ include "crosswalk.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args: [serve, --config, /etc/crosswalk/crosswalk.yaml]
env:
  - name: POD_IP
    valueFrom: { fieldRef: { fieldPath: status.podIP } }
  - name: CROSSWALK_ALLOWED_HOSTS
    value: {{ include "crosswalk.allowedHosts" . | quote }}
  {{- with .Values.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
ports:
  {{- if .Values.deployment.enabled }}
  - { name: api, containerPort: {{ .Values.service.port }} }
  {{- end }}
  - { name: admin, containerPort: {{ .Values.service.adminPort }} }
{{- /* Kubelets put the pod's address into Host; the probe says the name that is always known. */}}
startupProbe:
  httpGet: { path: /readyz, port: admin, httpHeaders: [{ name: Host, value: localhost }] }
  periodSeconds: 1
  failureThreshold: 120
readinessProbe:
  httpGet: { path: /readyz, port: admin, httpHeaders: [{ name: Host, value: localhost }] }
  periodSeconds: 5
  failureThreshold: 2
livenessProbe:
  httpGet: { path: /livez, port: admin, httpHeaders: [{ name: Host, value: localhost }] }
  periodSeconds: 10
  timeoutSeconds: 3
  failureThreshold: 3
resources:
  {{- toYaml .Values.resources | nindent 2 }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
volumeMounts:
  - { name: crosswalk-config, mountPath: /etc/crosswalk, readOnly: true }
  - { name: crosswalk-secret, mountPath: /run/secrets/crosswalk, readOnly: true }
  {{- with .Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{- define "crosswalk.volumes" -}}
- name: crosswalk-config
  configMap: { name: {{ include "crosswalk.fullname" . }} }
- name: crosswalk-secret
  secret: { secretName: {{ .Values.secretName }}, defaultMode: 0440 }
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- /* For `initContainers` of another chart's pod: include "crosswalk.sidecar" .Subcharts.crosswalk. Starts before the
application, ends after it. */ -}}
{{- define "crosswalk.sidecar" -}}
- restartPolicy: Always
  {{- include "crosswalk.container" . | nindent 2 }}
{{- end -}}

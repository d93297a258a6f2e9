{{- define "vpn-sentinel.url" -}}
{{- if .Values.hub.enabled -}}
{{ .Values.probe.url | default (printf "http://%s-hub:5000" .Release.Name) }}
{{- else -}}
{{ required "probe.url is needed where hub.enabled is false: the hub's address, such as http://hub.example:5000" .Values.probe.url }}
{{- end -}}
{{- end -}}

{{- define "vpn-sentinel.key" -}}
- name: VPN_SENTINEL_API_KEY
  valueFrom:
    secretKeyRef:
      name: {{ .Values.secret | quote }}
      key: api-key
{{- end -}}

{{- define "vpn-sentinel.health" -}}
livenessProbe:
  exec:
    command: [/usr/bin/vpn-sentinel-probe, healthcheck]
  initialDelaySeconds: 30
  periodSeconds: 30
  timeoutSeconds: 10
{{- end -}}

{{- define "vpn-sentinel.sidecar" -}}
- name: probe
  image: {{ .Values.probe.image | quote }}
  restartPolicy: Always
  env:
    - name: VPN_SENTINEL_URL
      value: {{ include "vpn-sentinel.url" . | quote }}
    - name: VPN_SENTINEL_CLIENT_ID
      value: {{ .Values.sidecar.clientId | quote }}
    - name: VPN_SENTINEL_TUNNEL
      value: {{ .Values.sidecar.tunnel | quote }}
    {{- include "vpn-sentinel.key" . | nindent 4 }}
    {{- range $name, $value := .Values.sidecar.settings }}
    - name: {{ $name | quote }}
      value: {{ $value | quote }}
    {{- end }}
  {{- include "vpn-sentinel.health" . | nindent 2 }}
  resources:
    {{- toYaml .Values.probe.resources | nindent 4 }}
  securityContext:
    runAsUser: 0
    allowPrivilegeEscalation: false
    readOnlyRootFilesystem: true
    capabilities:
      drop: [ALL]
      add: {{ toJson .Values.sidecar.capabilities }}
  volumeMounts:
    - name: probe-data
      mountPath: /var/lib/vpn-sentinel
{{- end -}}

"""Canary manifests as Flagger's users have them, one for each way of writing that has to be read."""

from __future__ import annotations

import copy
from functools import cache
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from shared.json_types import JsonObject

_PODINFO = """
apiVersion: flagger.app/v1beta1
kind: Canary
metadata:
  name: podinfo
  namespace: test
spec:
  targetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: podinfo
  progressDeadlineSeconds: 60
  autoscalerRef:
    apiVersion: autoscaling/v2
    kind: HorizontalPodAutoscaler
    name: podinfo
    primaryScalerReplicas:
      minReplicas: 2
      maxReplicas: 5
  service:
    port: 9898
    targetPort: http
    portDiscovery: true
  analysis:
    interval: 1m
    threshold: 5
    maxWeight: 50
    stepWeight: 10
    metrics:
      - name: request-success-rate
        thresholdRange:
          min: 99
        interval: 1m
      - name: request-duration
        thresholdRange:
          max: 500
        interval: 30s
    webhooks:
      - name: load-test
        url: http://flagger-loadtester.test/
        timeout: 5s
        metadata:
          cmd: "hey -z 1m -q 10 -c 2 http://podinfo-canary.test:9898/"
"""

# The first generation: no status, no hook types, canaryAnalysis, thresholds that are bounds by their metric's name.
_FLAGGER_0_6 = """
apiVersion: flagger.app/v1alpha3
kind: Canary
metadata:
  name: podinfo
  namespace: test
spec:
  targetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: podinfo
  progressDeadlineSeconds: 60
  autoscalerRef:
    apiVersion: autoscaling/v2beta1
    kind: HorizontalPodAutoscaler
    name: podinfo
  service:
    port: 9898
    gateways:
      - public-gateway.istio-system.svc.cluster.local
    hosts:
      - app.example.com
  canaryAnalysis:
    interval: 1m
    threshold: 10
    maxWeight: 50
    stepWeight: 5
    metrics:
      - name: istio_requests_total
        threshold: 99
        interval: 1m
      - name: istio_request_duration_seconds_bucket
        threshold: 500
        interval: 30s
    webhooks:
      - name: integration-test
        url: http://podinfo.test:9898/echo
        timeout: 1m
        metadata:
          test: all
          token: 16688eb5e9f289f1991c
"""

_ISTIO = """
apiVersion: flagger.app/v1beta1
kind: Canary
metadata:
  name: frontend
  namespace: web
  labels:
    app.kubernetes.io/part-of: shop
spec:
  provider: istio
  metricsServer: http://prometheus.istio-system:9090
  targetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: frontend
  service:
    name: shop
    port: 80
    portName: http-web
    targetPort: 8080
    appProtocol: http
    trafficDistribution: PreferClose
    gateways: [istio-system/public, mesh]
    hosts: [shop.example.com, "*.shop.example.com"]
    match:
      - uri:
          prefix: /api
        headers:
          x-canary:
            regex: ^(always|sometimes)$
        withoutHeaders:
          x-internal:
            exact: "true"
        queryParams:
          page:
            regex: "[0-9]+"
        sourceLabels:
          app: gateway
        ignoreUriCase: true
        port: 80
      - uri:
          exact: /
        statPrefix: root
    rewrite:
      uri: /
      uriRegexRewrite:
        match: ^/api/(.*)
        rewrite: /\\1
    timeout: 1.5s
    retries:
      attempts: 3
      perTryTimeout: 500ms
      retryOn: gateway-error,connect-failure
      retryRemoteLocalities: true
    headers:
      request:
        add:
          x-some-header: some-value
        remove: [x-debug]
      response:
        set:
          cache-control: no-store
    corsPolicy:
      allowOrigins:
        - prefix: https://example.
      allowMethods: [GET, POST]
      allowCredentials: true
      maxAge: 24h
      unmatchedPreflights: IGNORE
    trafficPolicy:
      loadBalancer:
        consistentHash:
          httpCookie:
            name: user
            ttl: 0s
      connectionPool:
        http:
          http2MaxRequests: 1000
      outlierDetection:
        consecutive5xxErrors: 7
      tls:
        mode: ISTIO_MUTUAL
      portLevelSettings:
        - port:
            number: 80
    apex:
      labels:
        team: shop
      annotations:
        example.com/owner: shop
    primary:
      labels:
        tier: primary
    canary:
      annotations:
        example.com/scrape: "false"
    unmanagedMetadata:
      annotations: [example.com/by-others]
  analysis:
    interval: 1m30s
    threshold: 2
    stepWeights: [1, 2, 10, 80]
    stepWeightPromotion: 20
    primaryReadyThreshold: 50
    canaryReadyThreshold: 0
    maxUnknown: 4
    ignoreCapacity: true
    metrics:
      - name: request-success-rate
        thresholdRange: {min: 99.5}
        onNoData: hold
      - name: "404s percentage"
        thresholdRange: {max: 0.75}
        interval: 1h
        query: |
          100 - sum(rate(istio_requests_total{response_code!="404"}[1m])) / sum(rate(istio_requests_total[1m])) * 100
      - name: failed orders
        compare: primary
        minimumSamples: 1000
        maxWait: 1h
        confidence: 99.5
        tolerance: 0.1
        query: sum(increase(orders_total{app="{{ target }}",result="failed"}[{{ interval }}]))
        totalQuery: sum(increase(orders_total{app="{{ target }}"}[{{ interval }}]))
      - name: request-duration
        compare: primary
        slowerThan: 250
    webhooks:
      - name: smoke
        type: rollout
        url: https://tests.example.com:8443/smoke?suite=short
        timeout: 90s
        retries: 2
        disableTLS: true
"""

_DELEGATE = """
apiVersion: flagger.app/v1beta1
kind: Canary
metadata:
  name: backend
  namespace: prod
spec:
  suspend: true
  skipAnalysis: true
  targetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: backend.v2
  service:
    name: backend
    port: 9000
    portName: grpc
    delegation: true
    headless: true
  analysis:
    interval: 1h
    threshold: 1
    stepWeight: 30
    maxWeight: 100
"""

# Of both spellings the new one counts.
_BOTH = """
apiVersion: flagger.app/v1alpha3
kind: Canary
metadata:
  name: api
  namespace: test
spec:
  targetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: api
  service:
    port: 80
  analysis:
    threshold: 3
    stepWeight: 50
  canaryAnalysis:
    interval: 10s
    threshold: 9
    stepWeight: 10
    iterations: 5
"""

# Valid for Flagger; every field here is one that Serin refuses, or takes without an effect, and that must not be lost.
_EVERYTHING_ELSE = """
apiVersion: flagger.app/v1beta1
kind: Canary
metadata:
  name: everything
  namespace: test
spec:
  provider: gatewayapi:v1
  revertOnDeletion: true
  targetRef:
    apiVersion: serving.knative.dev/v1
    kind: Service
    name: everything
  autoscalerRef:
    apiVersion: keda.sh/v1alpha1
    kind: ScaledObject
    name: everything
    primaryScalerQueries:
      prom-trigger: sum(rate(http_requests_total{app="everything-primary"}[30s]))
  ingressRef: {apiVersion: networking.k8s.io/v1, kind: Ingress, name: everything}
  routeRef: {apiVersion: apisix.apache.org/v2, kind: ApisixRoute, name: everything}
  upstreamRef:
    apiVersion: gloo.solo.io/v1
    kind: Upstream
    name: everything
    namespace: gloo-system
  service:
    port: 80
    backendTimeout: 2s
    meshName: global
    backends: [http://backend.test]
    gatewayRefs:
      - name: gateway
        namespace: istio-system
        group: gateway.networking.k8s.io
        kind: Gateway
        sectionName: http
        port: 80
    mirror:
      - backendRef:
          name: shadow
          port: 80
    rewrite:
      type: ReplacePrefixMatch
      uri: /
  analysis:
    interval: 15s
    threshold: 5
    iterations: 10
    mirror: true
    mirrorWeight: 50
    match:
      - headers:
          user-agent:
            suffix: Firefox
    sessionAffinity:
      cookieName: flagger-cookie
      primaryCookieName: primary-cookie
      domain: example.com
      httpOnly: true
      maxAge: 21600
      partitioned: true
      path: /app
      sameSite: None
      secure: true
    alerts:
      - name: on-call
        severity: error
        providerRef:
          name: on-call
          namespace: flagger
    metrics:
      - name: "404s percentage"
        templateRef:
          name: not-found-percentage
          namespace: istio-system
        templateVariables:
          direction: inbound
        thresholdRange:
          max: 5
        interval: 1m
    webhooks:
      - {name: start, type: confirm-rollout, url: "http://flagger-loadtester.test/gate/check"}
      - {name: acceptance, type: pre-rollout, url: "http://flagger-loadtester.test/", timeout: 30s}
      - {name: load, type: "", url: "http://flagger-loadtester.test/"}
      - {name: traffic, type: confirm-traffic-increase, url: "http://flagger-loadtester.test/gate/check"}
      - {name: promotion, type: confirm-promotion, url: "http://flagger-loadtester.test/gate/check", muteAlert: true}
      - {name: after, type: post-rollout, url: "http://flagger-loadtester.test/"}
      - {name: back, type: rollback, url: "http://flagger-loadtester.test/rollback/check"}
      - {name: events, type: event, url: "http://flagger-loadtester.test/"}
"""

_GOOD = {
    "podinfo": _PODINFO,
    "flagger-0.6": _FLAGGER_0_6,
    "istio": _ISTIO,
    "delegate": _DELEGATE,
    "both-spellings": _BOTH,
}
GOOD = tuple(_GOOD)
"""Names of the manifests that Serin runs."""


def good(name: str) -> JsonObject:
    """A fresh copy of one of the manifests that Serin runs."""
    return _load(_GOOD[name])


def everything_else() -> JsonObject:
    """A manifest that is valid for Flagger and holds every field that Serin does not act upon."""
    return _load(_EVERYTHING_ELSE)


def _load(text: str) -> JsonObject:
    return copy.deepcopy(_parsed(text))


@cache
def _parsed(text: str) -> JsonObject:
    manifest: JsonObject = yaml.safe_load(text)
    return manifest

"""Holds what is in proxy/packaging against the tools and schemas of those who read it.

    check.py containerfile | kubernetes | helm | sbom FILE

Prints each finding and ends with 1 where there is one. Renders the chart with Helm's own library, without a cluster.
"""

import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import yaml

PROJECT = pathlib.Path(__file__).resolve().parents[2]
PACKAGING = PROJECT / "proxy" / "packaging"
CHART = PACKAGING / "helm" / "crosswalk"
# The oldest version with native sidecars that is on by default, and the newest that the schemas have.
OLDEST, NEWEST = "1.29", "1.37"
# Beside the service's own kinds, those of the Prometheus operator have no schema here.
WITHOUT_SCHEMA = {"ServiceMonitor", "PrometheusRule"}

findings = []


def hold(truth, text):
    if not truth:
        findings.append(text)


# ---- The image

def containerfile():
    path = PACKAGING / "container" / "Containerfile"
    linter = pathlib.Path(sys.executable).parent / "hadolint"
    said = subprocess.run([linter, "--failure-threshold", "info", path], capture_output=True, text=True, check=False)
    hold(said.returncode == 0, f"hadolint: {said.stdout}{said.stderr}")
    lines = [line for line in path.read_text().replace("\\\n", " ").splitlines() if line and not line.startswith("#")]
    last = [line.split(None, 1) for line in lines[max(at for at, line in enumerate(lines) if line.startswith("FROM")):]]
    told = {}
    for name, value in last:
        told.setdefault(name, []).append(value)
    hold(re.fullmatch(r"[1-9]\d*:[1-9]\d*", told.get("USER", [""])[-1]), "the image's user is no number, or is root")
    hold(told.get("ENTRYPOINT", [""])[-1].startswith("["), "an entry point needs a shell, and there is none")
    hold("RUN" not in told, "the image has nothing that could run a command while it is built")
    for label in ("title", "description", "licenses", "version", "revision"):
        hold(f"org.opencontainers.image.{label}=" in " ".join(told.get("LABEL", [])), f"no label {label}")
    ignored = path.with_name("Containerfile.dockerignore").read_text().splitlines()
    rules = [line for line in ignored if line and not line.startswith("#")]
    hold(rules[0] == "*", "the build's context begins with everything")
    for line in (PROJECT / "Cargo.toml").read_text().splitlines():
        if line.startswith("members"):
            for member in re.findall(r'"([^"/]+)[^"]*"', line):
                hold(f"!{member}" in rules, f"the build's context lacks the workspace's {member}")


# ---- Kubernetes

def validate(document, where):
    """By the schemas of Kubernetes, where an unknown key is a fault as well."""
    import kubernetes_validate

    if document["kind"] in WITHOUT_SCHEMA:
        return
    for version in (OLDEST, NEWEST):
        # A key that came later, and that values can leave out.
        lifecycle = json.dumps(document)
        if version == OLDEST and '"sleep"' in lifecycle:
            continue
        try:
            kubernetes_validate.validate(document, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            findings.append(f"{where}: {document['kind']}: Kubernetes {version}: {error.message} ({list(error.path)})")


def seconds(text):
    return int(re.fullmatch(r"(\d+)s", text)[1])


def pod(document, config, where):
    """What the pod of a proxy must say, whoever wrote it."""
    spec = document["spec"]["template"]["spec"]
    proxies = [one for one in spec.get("initContainers", []) + spec["containers"] if one["name"] == "crosswalk"]
    hold(len(proxies) == 1, f"{where}: expected one container of Crosswalk")
    for one in proxies:
        security = one.get("securityContext", {})
        hold(security.get("readOnlyRootFilesystem") is True, f"{where}: the root is writable")
        hold(security.get("allowPrivilegeEscalation") is False, f"{where}: privileges may rise")
        hold(security.get("capabilities") == {"drop": ["ALL"]}, f"{where}: there are capabilities")
        hold(one.get("resources", {}).get("limits", {}).get("memory"), f"{where}: memory has no limit")
        hold(":latest" not in one["image"] and ":" in one["image"], f"{where}: the image has no version")
        ports = {port["name"] for port in one["ports"]}
        for probe, path in (("startupProbe", "/readyz"), ("readinessProbe", "/readyz"), ("livenessProbe", "/livez")):
            get = one.get(probe, {}).get("httpGet", {})
            hold(get.get("path") == path and get.get("port") in ports, f"{where}: {probe} asks for something else")
            # The proxy refuses a Host that it doesn't know, and kubelets send the pod's address.
            hold({"name": "Host", "value": "localhost"} in get.get("httpHeaders", []), f"{where}: {probe} has no Host")
        mounts = {mount["mountPath"] for mount in one["volumeMounts"]}
        for file in re.findall(r"file:(/run/secrets/[^/]+)/", config):
            hold(file in mounts, f"{where}: {file} is not mounted")
        hold("/etc/crosswalk" in mounts, f"{where}: the configuration is not mounted")
        for name in (mount["name"] for mount in one["volumeMounts"]):
            hold(name in {volume["name"] for volume in spec["volumes"]}, f"{where}: there is no volume {name}")
    context = spec.get("securityContext", {})
    hold(context.get("runAsNonRoot") is True and context.get("runAsUser", 0) > 0, f"{where}: it may run as root")
    hold(context.get("seccompProfile") == {"type": "RuntimeDefault"}, f"{where}: no seccomp profile")
    hold(spec.get("enableServiceLinks") is False, f"{where}: a service's variables would be taken for settings")
    drain = seconds(yaml.safe_load(config)["limits"]["drain_timeout"])
    hold(spec["terminationGracePeriodSeconds"] > drain, f"{where}: it is killed while it drains")
    return spec


def kubernetes():
    path = PACKAGING / "kubernetes" / "sidecar.yaml"
    documents = list(yaml.safe_load_all(path.read_text()))
    for document in documents:
        validate(document, path.name)
    config = next(one for one in documents if one["kind"] == "ConfigMap")["data"]["crosswalk.yaml"]
    spec = pod(next(one for one in documents if one["kind"] == "Deployment"), config, path.name)
    hold(spec["initContainers"][0].get("restartPolicy") == "Always", f"{path.name}: it is no native sidecar")
    hold(yaml.safe_load(config)["listen"].startswith("127.0.0.1:"), f"{path.name}: others than the pod reach it")


# ---- Helm

ALL_ON = {
    "networkPolicy": {"enabled": True, "callers": [{"podSelector": {"matchLabels": {"calls": "crm"}}}]},
    "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    "prometheusRule": {"enabled": True, "rules": [{"alert": "Another", "expr": "vector(1)"}]},
    "imagePullSecrets": [{"name": "registry"}],
    "allowedHosts": ["crm.example"],
    "extraEnv": [{"name": "ACME_TOKEN", "valueFrom": {"secretKeyRef": {"name": "acme", "key": "token"}}}],
    "extraVolumes": [{"name": "state", "persistentVolumeClaim": {"claimName": "state"}}],
    "extraVolumeMounts": [{"name": "state", "mountPath": "/var/lib/crosswalk"}],
    "deployment": {
        "strategy": {"type": "Recreate"},
        "annotations": {"a": "b"}, "podAnnotations": {"c": "d"}, "podLabels": {"e": "f"}, "priorityClassName": "high",
        "nodeSelector": {"g": "h"}, "tolerations": [{"key": "i", "operator": "Exists"}], "affinity": {"nodeAffinity": {}},
    },
    "service": {"annotations": {"j": "k"}},
    "image": {"digest": "sha256:" + "0" * 64},
}
WRONG = [
    {"replicas": 3},
    {"deployment": {"replicas": "many"}},
    {"config": {"listen": "0.0.0.0:80"}},
    {"image": {"digest": "latest"}},
    {"service": {"port": 0}},
]


def rendered(chart, values, where, name="demo"):
    """The documents of a chart, each by its kind."""
    documents = {}
    for file, text in sorted(chart.render(values, name=name, namespace="crm").items()):
        if file.endswith(".txt"):
            documents["NOTES"] = documents.get("NOTES", "") + text
            continue
        for document in yaml.safe_load_all(text):
            if document:
                hold(document["kind"] not in documents, f"{where}: two of {document['kind']}")
                documents[document["kind"]] = document
                validate(document, where)
    return documents


def helm():
    import helm_python

    for values in ({}, ALL_ON):
        report = helm_python.lint(CHART, values, strict=True)
        # 1 is information; from 2 on it is a warning or an error.
        worst = [one for one in report["messages"] if one["severity"] > 1]
        hold(not worst and not report["errors"], f"helm lint: {worst} {report['errors']}")
    with helm_python.Chart.load(CHART) as chart:
        plain = rendered(chart, {}, "defaults")
        hold(set(plain) == {"NOTES", "ConfigMap", "Deployment", "PodDisruptionBudget", "Service"}, f"defaults: {set(plain)}")
        whole = rendered(chart, ALL_ON, "all on")
        more = {"NetworkPolicy", "ServiceMonitor", "PrometheusRule"}
        hold(set(whole) == set(plain) | more, f"all on: {set(whole)}")
        for where, documents in (("defaults", plain), ("all on", whole)):
            config = documents["ConfigMap"]["data"]["crosswalk.yaml"]
            pod(documents["Deployment"], config, where)
            template = documents["Deployment"]["spec"]["template"]
            labels = template["metadata"]["labels"].items()
            for kind in ("Service", "Deployment", "PodDisruptionBudget"):
                selector = documents[kind]["spec"]["selector"]
                hold(selector.get("matchLabels", selector).items() <= labels, f"{where}: {kind} selects other pods")
            ports = {port["name"] for port in template["spec"]["containers"][0]["ports"]}
            for port in documents["Service"]["spec"]["ports"]:
                hold(port["targetPort"] in ports, f"{where}: the service leads to no port {port['targetPort']}")
            names = template["spec"]["containers"][0]["env"][1]["value"].split(",")
            hold("demo-crosswalk.crm.svc" in names, f"{where}: it doesn't answer to the service's name")
        monitor = whole["ServiceMonitor"]["spec"]
        hold(monitor["endpoints"][0]["port"] in {port["name"] for port in whole["Service"]["spec"]["ports"]}, "no such port")
        hold(monitor["selector"]["matchLabels"].items() <= whole["Service"]["metadata"]["labels"].items(), "no such service")
        hold(len(whole["PrometheusRule"]["spec"]["groups"][0]["rules"]) == 2, "a further rule is lost")
        hold("crm.example" in json.dumps(whole["Deployment"]), "a further host is lost")
        hold("ACME_TOKEN" in json.dumps(whole["Deployment"]), "a further variable is lost")
        hold('"/var/lib/crosswalk"' in json.dumps(whole["Deployment"]), "a further disk is not mounted")
        hold("@sha256:" in json.dumps(whole["Deployment"]), "the digest is lost")
        # Without the key that Kubernetes 1.29 doesn't know, so that it is checked there as well.
        old = rendered(chart, {"deployment": {"preStopSleepSeconds": 0}}, "no sleep")
        hold("sleep" not in json.dumps(old["Deployment"]), "a sleep of 0 is written")
        several = rendered(chart, {"config": {"store": "sqlite"}}, "sqlite")
        hold("WARNING" in several["NOTES"] and "WARNING" not in plain["NOTES"], "several stores are not warned about")
        changed = rendered(chart, {"config": {"log": {"level": "debug"}}}, "changed")
        sums = [one["Deployment"]["spec"]["template"]["metadata"]["annotations"]["checksum/config"] for one in (plain, changed)]
        hold(sums[0] != sums[1], "a changed configuration is not rolled out")
        for values in WRONG:
            try:
                chart.validate_schema(values)
                findings.append(f"the schema takes {values}")
            except helm_python.HelmError:
                pass
    sidecar(helm_python)


PARENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: { name: app }
spec:
  selector: { matchLabels: { app: app } }
  template:
    metadata: { labels: { app: app } }
    spec:
      enableServiceLinks: false
      terminationGracePeriodSeconds: 50
      securityContext:
        {{- include "crosswalk.podSecurityContext" .Subcharts.crosswalk | nindent 8 }}
      initContainers:
        {{- include "crosswalk.sidecar" .Subcharts.crosswalk | nindent 8 }}
      containers:
        - { name: app, image: "app:1" }
      volumes:
        {{- include "crosswalk.volumes" .Subcharts.crosswalk | nindent 8 }}
"""


def sidecar(helm_python):
    """As NOTES.txt tells: another chart puts it beside its application."""
    with tempfile.TemporaryDirectory() as folder:
        parent = pathlib.Path(folder) / "app"
        (parent / "templates").mkdir(parents=True)
        shutil.copytree(CHART, parent / "charts" / "crosswalk")
        (parent / "Chart.yaml").write_text("apiVersion: v2\nname: app\nversion: 1.0.0\n")
        (parent / "values.yaml").write_text("crosswalk: { deployment: { enabled: false } }\n")
        (parent / "templates" / "app.yaml").write_text(PARENT)
        with helm_python.Chart.load(parent) as chart:
            documents = rendered(chart, {}, "sidecar")
    documents.pop("NOTES", None)
    hold(set(documents) == {"ConfigMap", "Deployment"}, f"sidecar: {set(documents)}")
    config = documents["ConfigMap"]["data"]["crosswalk.yaml"]
    spec = pod(documents["Deployment"], config, "sidecar")
    hold(spec["initContainers"][0].get("restartPolicy") == "Always", "sidecar: it is no native one")
    hold(yaml.safe_load(config)["listen"].startswith("127.0.0.1:"), "sidecar: others than the pod reach it")
    volume = {one["name"]: one for one in spec["volumes"]}["crosswalk-config"]
    hold(volume["configMap"]["name"] == documents["ConfigMap"]["metadata"]["name"], "sidecar: another configuration")


# ---- SBOM

def sbom(path):
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    fault = JsonStrictValidator(SchemaVersion.V1_6).validate_str(pathlib.Path(path).read_text())
    hold(fault is None, f"CycloneDX: {fault}")


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    {"containerfile": containerfile, "kubernetes": kubernetes, "helm": helm, "sbom": sbom}[command](*arguments)
    for finding in findings:
        print(finding)
    sys.exit(1 if findings else 0)

#!/usr/bin/env python3
"""Looks at the files of deploy/ without a container engine or a cluster: schemas, names that must agree, rules of Prometheus.

The schemas come from packages in a virtual environment of its own, kept for the next run; promtool from Debian's package `prometheus`.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import venv
import xml.dom.minidom
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
PACKAGES = ["kubernetes-validate==1.37.0", "compose-spec==0.2.1", "PyYAML==6.0.4"]
KUBERNETES = "1.33"
# server.shutdown_timeout for requests, and at most ten seconds for what has been begun to publish; workers and consumers take less.
DRAIN_SECONDS = 30 + 10
# Names that begin like ours and are not settings of the binary.
NOT_SETTINGS = re.compile(r"FLEXPRICE_(NGINX\w*|TEST_\w*|IMAGE|LISTEN|BIN|URL|API_KEY)$")


# --- The virtual environment


def enter_environment():
    """Runs this file again where the packages are."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    home = cache / "flexprice-test-venv" / "deploy-1"
    complete = home / "complete"
    if Path(sys.prefix) == home:
        return
    if not complete.exists():
        shutil.rmtree(home, ignore_errors=True)
        try:
            venv.create(home, with_pip=True)
        except (subprocess.CalledProcessError, ModuleNotFoundError):
            sys.exit("deploy_files: Python's venv module with pip is missing; on Debian or Ubuntu: sudo apt-get install python3-venv")
        if subprocess.run([home / "bin" / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check", *PACKAGES]).returncode:
            sys.exit("deploy_files: the Python package index, or a mirror that pip is set up for, is needed")
        complete.touch()
    os.execv(home / "bin" / "python", [str(home / "bin" / "python"), "-B", __file__])


def promtool():
    if not shutil.which("promtool") and os.geteuid() == 0 and shutil.which("apt-get"):
        print("deploy_files: installing promtool", flush=True)
        policy = Path("/usr/sbin/policy-rc.d")
        ours = not policy.exists()
        if ours:
            # The package would start a server.
            policy.write_text("#!/bin/sh\nexit 101\n")
            policy.chmod(0o755)
        try:
            quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
            for arguments in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", "prometheus"]):
                subprocess.run(["apt-get", *arguments], env=quiet, check=True, stdout=subprocess.DEVNULL)
        finally:
            if ours:
                policy.unlink()
    return shutil.which("promtool") or sys.exit("deploy_files: promtool is missing; on Debian or Ubuntu: sudo apt-get install prometheus")


# --- Compose


def interpolate(text, values):
    """`${NAME}`, `${NAME:-default}` and `${NAME:?message}` as Compose does it."""

    def value(found):
        name, default = found[1], found[3] if found[2] == ":-" else None
        if values.get(name) is None and default is None:
            raise ValueError(f"{name} has no value")
        return values.get(name) or default or ""

    return re.sub(r"\$\{(\w+)(?:(:-|:\?)([^}]*))?\}", value, text)


def compose_files():
    import yaml
    from compose_spec import PyCompose

    example = (DEPLOY / "compose" / ".env.example").read_text()
    offered = set(re.findall(r"^([A-Z_]+)=", example, re.M))
    asked = set()
    for path in sorted((DEPLOY / "compose").glob("*.yaml")):
        text = path.read_text()
        asked |= set(re.findall(r"\$\{(\w+)", text))
        whole = yaml.safe_load(interpolate(text, dict.fromkeys(asked, None) | {name: "x" for name in asked if not re.search(rf"\$\{{{name}:-", text)}))
        try:
            PyCompose.from_json(json.dumps(whole))
        except ValueError as error:
            yield f"{path.name}: {error}"
            continue
        services, volumes = whole["services"], whole.get("volumes", {})
        for name, service in services.items():
            for needed in service.get("depends_on", ()):
                if needed not in services:
                    yield f"{path.name}: {name} depends on {needed}, which does not exist"
            conditions = service["depends_on"] if isinstance(service.get("depends_on"), dict) else {}
            for needed, how in conditions.items():
                if how["condition"] == "service_healthy" and "healthcheck" not in services[needed]:
                    yield f"{path.name}: {name} waits for the health of {needed}, which has no check"
            for volume in service.get("volumes", ()):
                source = volume.split(":")[0]
                if source.startswith(".") and not (path.parent / source).exists():
                    yield f"{path.name}: {name} mounts {source}, which does not exist"
                if not source.startswith((".", "/")) and source not in volumes:
                    yield f"{path.name}: {name} uses volume {source}, which is not declared"
            if service.get("image", "").rpartition(":")[2] == "latest" and "flexprice" not in service["image"]:
                yield f"{path.name}: {name} runs whatever version is latest"
    yield from (f".env.example: {name} is used by no compose file" for name in sorted(offered - asked))
    yield from (f".env.example: {name} is missing" for name in sorted(asked - offered))


# --- Kubernetes


def kubernetes_objects():
    import yaml

    for path in sorted((DEPLOY / "kubernetes").rglob("*.yaml")):
        for whole in yaml.safe_load_all(path.read_text()):
            yield path.relative_to(DEPLOY), whole


def kubernetes_schemas():
    import kubernetes_validate

    for path, whole in kubernetes_objects():
        if not whole["apiVersion"].startswith(("keda.sh/", "kustomize.")):
            try:
                kubernetes_validate.validate(whole, KUBERNETES, strict=True)
            except Exception as error:  # the package has a class of its own for each kind of finding
                yield f"{path}: {whole['kind']}: {str(error).splitlines()[0]}"


def kubernetes_names_agree():
    """References, and what the pods promise."""
    objects = list(kubernetes_objects())
    named = {(whole["kind"], whole["metadata"]["name"]): whole for _, whole in objects if "metadata" in whole}
    templates = {name: whole["spec"]["template"] for (kind, name), whole in named.items() if kind in ("Deployment", "Job")}
    for name, template in templates.items():
        yield from (f"{name}: {problem}" for problem in pod(template["spec"], named, kind="Job" if ("Job", name) in named else "Deployment"))
    for (kind, name), whole in named.items():
        if kind == "Deployment" and whole["spec"]["selector"]["matchLabels"].items() - whole["spec"]["template"]["metadata"]["labels"].items():
            yield f"{name}: its selector does not find its pods"
        if kind in ("PodDisruptionBudget", "Service"):
            wanted = whole["spec"]["selector"]
            wanted = wanted.get("matchLabels", wanted)
            if not any(wanted.items() <= template["metadata"]["labels"].items() for template in templates.values()):
                yield f"{kind} {name} selects no pod"
        if kind in ("HorizontalPodAutoscaler", "ScaledObject") and ("Deployment", whole["spec"]["scaleTargetRef"]["name"]) not in named:
            yield f"{kind} {name} scales what does not exist"
        if kind == "HorizontalPodAutoscaler" and "replicas" in named["Deployment", whole["spec"]["scaleTargetRef"]["name"]]["spec"]:
            yield f"{name}: the Deployment states replicas, which each apply would reset"
        if kind == "Ingress":
            for rule in whole["spec"]["rules"]:
                for path in rule["http"]["paths"]:
                    if ("Service", path["backend"]["service"]["name"]) not in named:
                        yield f"Ingress {name} leads to no Service"
    kustomization = next(whole for _, whole in objects if whole["kind"] == "Kustomization")
    folder = DEPLOY / "kubernetes" / "base"
    listed, there = set(kustomization["resources"]), {path.name for path in folder.glob("*.yaml")} - {"kustomization.yaml"}
    yield from (f"kustomization.yaml: {name} is listed or there, not both" for name in sorted(listed ^ there))


def pod(spec, named, kind):
    if not spec["securityContext"].get("runAsNonRoot"):
        yield "runs as root"
    for container in spec["containers"] + spec.get("initContainers", []):
        own = container.get("securityContext", {})
        if not own.get("readOnlyRootFilesystem") or own.get("allowPrivilegeEscalation") is not False or own.get("capabilities") != {"drop": ["ALL"]}:
            yield f"container {container['name']} is not locked down"
        for source in container.get("envFrom", ()):
            for reference, wanted in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
                if reference in source and (wanted, source[reference]["name"]) not in named:
                    yield f"reads {wanted} {source[reference]['name']}, which does not exist"
        if kind == "Job":
            continue
        if not container["resources"].get("requests") or not container["resources"].get("limits", {}).get("memory"):
            yield f"container {container['name']} has no bounds"
        ports = {port["name"] for port in container["ports"]}
        for probe, path in (("startupProbe", "/health"), ("livenessProbe", "/health"), ("readinessProbe", "/ready")):
            asked = container[probe]["httpGet"]
            if asked["path"] != path or asked["port"] not in ports:
                yield f"{probe} asks {asked}"
        wait = container.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", ["", "0"])[1]
        if spec["terminationGracePeriodSeconds"] < int(wait) + DRAIN_SECONDS:
            yield f"is killed before it has drained: {wait} + {DRAIN_SECONDS} s"


# --- Names of settings and metrics


def settings_exist():
    """Every FLEXPRICE_* of deploy/ and of the guide is one that the binary knows."""
    known = set(re.findall(r"FLEXPRICE_[A-Z0-9_]+", (ROOT / "docs" / "configuration.md").read_text()))
    known |= {"FLEXPRICE_FEATURE_USAGE_TRACKING_RATE_LIMIT"}  # an older name; docs/configuration.md has its family
    files = [path for path in DEPLOY.rglob("*") if path.is_file()] + [ROOT / "docs" / "scaling.md"]
    for path in files:
        for name in sorted(set(re.findall(r"\bFLEXPRICE_[A-Z0-9_]*[A-Z0-9]", path.read_text()))):
            if name not in known and not NOT_SETTINGS.match(name):
                yield f"{path.relative_to(ROOT)}: no setting is called {name}"


def expressions():
    """Every PromQL expression of the dashboard, as Prometheus would get it."""
    dashboard = json.loads((DEPLOY / "grafana" / "flexprice.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"].replace("$__rate_interval", "5m").replace("$instance", ".*")


def metrics_exist():
    """Every metric of alerts, dashboard and guide is one that the source records, or a recording rule."""
    source = "".join(path.read_text() for path in (ROOT / "crates").rglob("*.rs"))
    recorded = set(re.findall(r'"(flexprice_\w+)"', source))
    rules = (DEPLOY / "prometheus" / "alerts.yaml").read_text()
    recorded_rules = set(re.findall(r"record: (\S+)", rules))
    places = [("alerts.yaml", rules), ("scaling.md", (ROOT / "docs" / "scaling.md").read_text())] + list(expressions())
    for place, text in places:
        for name in sorted(set(re.findall(r"\bflexprice_[a-z0-9_]+", text))):
            if name not in recorded and re.sub(r"_(bucket|sum|count)$", "", name) not in recorded:
                yield f"{place}: no code records {name}"
        for name in sorted(set(re.findall(r"\bflexprice:[a-z0-9_:]+", text)) - recorded_rules):
            yield f"{place}: no rule records {name}"


def prometheus_rules():
    tool, folder = promtool(), DEPLOY / "prometheus"
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as rules:
        of_dashboard = [{"record": f"panel_{i}", "expr": expr} for i, (_, expr) in enumerate(expressions())]
        json.dump({"groups": [{"name": "dashboard", "rules": of_dashboard}]}, rules)
        rules.flush()
        for arguments in (["check", "config", "prometheus.yaml"], ["test", "rules", "alerts.test.yaml"], ["check", "rules", rules.name]):
            done = subprocess.run([tool, *arguments], cwd=folder, capture_output=True, text=True)
            if done.returncode:
                yield f"promtool {' '.join(arguments[:2])}: {(done.stdout + done.stderr).strip()}"


def dashboard_is_sound():
    panels = json.loads((DEPLOY / "grafana" / "flexprice.json").read_text())["panels"]
    if len({panel["id"] for panel in panels}) != len(panels):
        yield "two panels have one id"
    for panel in panels:
        if panel["type"] != "row" and not panel["targets"]:
            yield f"panel {panel['title']} shows nothing"
    cells = [(panel["gridPos"]["x"] + x, panel["gridPos"]["y"] + y) for panel in panels for x in range(panel["gridPos"]["w"]) for y in range(panel["gridPos"]["h"])]
    if len(set(cells)) != len(cells):
        yield "panels lie on each other"


def other_files_parse():
    for path in DEPLOY.rglob("*.xml"):
        try:
            xml.dom.minidom.parse(str(path))
        except Exception as error:
            yield f"{path.relative_to(ROOT)}: {error}"
    scripts = [path for folder in ("dev", "deploy", "scripts") for path in (ROOT / folder).rglob("*") if path.is_file() and path.read_bytes()[:40].split(b"\n")[0].endswith(b"bash")]
    for path in scripts:
        done = subprocess.run(["bash", "-n", path], capture_output=True, text=True)
        if done.returncode:
            yield done.stderr.strip()


CHECKS = [
    compose_files,
    kubernetes_schemas,
    kubernetes_names_agree,
    settings_exist,
    metrics_exist,
    prometheus_rules,
    dashboard_is_sound,
    other_files_parse,
]


def main():
    enter_environment()
    failed = 0
    for check in CHECKS:
        found = list(check())
        print(f"{'FAIL' if found else 'ok  '}  {check.__name__}")
        for problem in found:
            print(f"      {problem}")
        failed += bool(found)
    print(f"{len(CHECKS) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

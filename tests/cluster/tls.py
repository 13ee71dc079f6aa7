#!/usr/bin/env python3
"""PostgreSQL, Kafka and Redis over TLS, against servers whose certificates a CA of this test has signed: the right CA is accepted, a strange
one and a wrong name are refused, and what is sent without TLS reaches nobody.

usage: tests/cluster/tls.py        FLEXPRICE_BIN: the binary, with the feature `cluster`

Servers of its own, on ports of its own, which it stops in the end.
"""

import os
import shutil
import subprocess
import sys

from installation import Installation, all_free, until

USER, PASSWORD = "flexprice", "flexprice123"


def openssl(*arguments, cwd):
    done = subprocess.run(["openssl", *arguments], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def certificates(directory):
    """Two CAs, and a certificate of the first for `localhost`, not for 127.0.0.1."""
    directory.mkdir()
    for name in ("ca", "strange"):
        subject = ["-subj", f"/CN={name} of a test", "-days", "2", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.pem"]
        openssl("req", "-x509", "-newkey", "rsa:2048", *subject, cwd=directory)
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-keyout", "server.key", "-out", "server.csr", cwd=directory)
    (directory / "names").write_text("subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n")
    signing = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names", "-out", "server.pem"]
    openssl("x509", "-req", "-in", "server.csr", *signing, cwd=directory)
    # The broker wants key and chain in one file.
    (directory / "broker.pem").write_text((directory / "server.key").read_text() + (directory / "server.pem").read_text())


def kafka_properties(directory, ports, kafka, controller):
    plain = f'org.apache.kafka.common.security.plain.PlainLoginModule required user_{USER}="{PASSWORD}";'
    (directory / "kafka.properties").write_text(
        f"listeners=PLAINTEXT://127.0.0.1:{kafka},CONTROLLER://127.0.0.1:{controller},SSL://127.0.0.1:{ports[0]},SASL_SSL://127.0.0.1:{ports[1]}\n"
        f"advertised.listeners=PLAINTEXT://127.0.0.1:{kafka},SSL://localhost:{ports[0]},SASL_SSL://localhost:{ports[1]}\n"
        "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL\n"
        f"ssl.keystore.type=PEM\nssl.keystore.location={directory}/broker.pem\nssl.client.auth=none\n"
        f"sasl.enabled.mechanisms=PLAIN\nlistener.name.sasl_ssl.plain.sasl.jaas.config={plain}\n"
    )


def postgres_with_tls(installation, certs):
    data = installation.home / "servers" / "pg"
    owner = data.stat()
    for name in ("server.key", "server.pem"):
        shutil.copy(certs / name, data / name)
        os.chown(data / name, owner.st_uid, owner.st_gid)
        (data / name).chmod(0o600)
    with (data / "postgresql.conf").open("a") as conf:
        conf.write("ssl=on\nssl_cert_file='server.pem'\nssl_key_file='server.key'\n")
    # Passwords go over TLS alone.
    rules = (data / "pg_hba.conf").read_text()
    (data / "pg_hba.conf").write_text(f"hostnossl all {USER} 127.0.0.1/32 reject\nhostnossl all {USER} ::1/128 reject\n" + rules)


def redis_with_tls(installation, certs, port, plain):
    settings = ("tls-cert-file", certs / "server.pem", "tls-key-file", certs / "server.key", "tls-ca-cert-file", certs / "ca.pem")
    settings += ("tls-auth-clients", "no", "tls-port", str(port))
    for setting in zip(settings[::2], settings[1::2]):
        said = subprocess.run(["redis-cli", "-p", str(plain), "config", "set", *map(str, setting)], capture_output=True, text=True)
        assert said.stdout.strip() == "OK", f"redis: {setting}: {said.stdout}{said.stderr}"


class Tries:
    """Commands of the binary under one environment or another."""

    def __init__(self, installation, base):
        self.installation, self.base, self.passed = installation, base, 0

    def run(self, arguments, settings):
        home = self.installation.home
        usual = {name: self.installation.env[name] for name in ("PATH", "HOME") if name in self.installation.env}
        env = {**usual, **self.base, **settings, "FLEXPRICE_DATA_DIR": str(home / "data")}
        try:
            done = subprocess.run([self.installation.env["FLEXPRICE_BIN"], *arguments], env=env, cwd=home, capture_output=True, text=True, timeout=40)
        except subprocess.TimeoutExpired as waiting:
            # It waits for a server that it cannot reach.
            return None, (waiting.stdout or b"").decode() + (waiting.stderr or b"").decode()
        return done.returncode, done.stdout + done.stderr

    def expect(self, what, arguments, settings, good, says=""):
        code, said = self.run(arguments, settings)
        assert (code == 0) == good, f"{what}: exit code {code}\n{said[-1500:]}"
        assert says in said, f"{what}: `{says}` is not in\n{said[-1500:]}"
        self.passed += 1
        print(f"ok    {what}", flush=True)


def try_postgres(tries, certs):
    ca, strange = ({"PGSSLROOTCERT": str(certs / f"{name}.pem")} for name in ("ca", "strange"))
    at = lambda host, mode: {"FLEXPRICE_POSTGRES_HOST": host, "FLEXPRICE_POSTGRES_SSLMODE": mode}
    command = ["doctor"]
    tries.expect("PostgreSQL: require encrypts", ["migrate"], at("localhost", "require"), True, "the schema is current")
    tries.expect("PostgreSQL: verify-full with the right CA and name", ["migrate"], {**at("localhost", "verify-full"), **ca}, True)
    tries.expect("PostgreSQL: verify-ca does not look at the name", ["migrate"], {**at("127.0.0.1", "verify-ca"), **ca}, True)
    tries.expect("PostgreSQL: verify-full refuses another name", command, {**at("127.0.0.1", "verify-full"), **ca}, False, "not valid for name")
    tries.expect("PostgreSQL: verify-full refuses a strange CA", command, {**at("localhost", "verify-full"), **strange}, False, "UnknownIssuer")
    tries.expect("PostgreSQL: disable does not get in", command, at("localhost", "disable"), False, "no encryption")


def try_kafka(tries, certs, ports):
    def at(port, ca, **more):
        trust = {"FLEXPRICE_KAFKA_TLS": "true", "FLEXPRICE_KAFKA_TLS_CA_CERT_FILE": str(certs / f"{ca}.pem")}
        return {"FLEXPRICE_KAFKA_BROKERS": f"localhost:{port}", **trust, **more}

    def sasl(password, mechanism="PLAIN"):
        user = {"FLEXPRICE_KAFKA_USE_SASL": "true", "FLEXPRICE_KAFKA_SASL_USER": USER, "FLEXPRICE_KAFKA_SASL_PASSWORD": password}
        return {**user, "FLEXPRICE_KAFKA_SASL_MECHANISM": mechanism}

    apply = ["kafka", "topics", "apply"]
    # Wanted by the configuration, not by this command.
    one = {"FLEXPRICE_KAFKA_TOPICS_DEFAULTS_REPLICATION_FACTOR": "1", "FLEXPRICE_CLICKHOUSE_ADDRESS": "127.0.0.1:1"}
    tries.expect("Kafka: TLS with the right CA", apply, at(ports[0], "ca", **one), True)
    tries.expect("Kafka: TLS refuses a strange CA", apply, at(ports[0], "strange", **one), False, "certificate verify failed")
    tries.expect("Kafka: SASL over TLS with the right password", apply, at(ports[1], "ca", **one, **sasl(PASSWORD)), True)
    tries.expect("Kafka: SASL over TLS refuses a wrong password", apply, at(ports[1], "ca", **one, **sasl("wrong")), False, "Invalid username or password")
    tries.expect("Kafka: OAUTHBEARER is refused by name", apply, at(ports[1], "ca", **one, **sasl(PASSWORD, "OAUTHBEARER")), False, "OAUTHBEARER")


def try_redis(tries, certs, port):
    at = {"FLEXPRICE_REDIS_HOST": "localhost", "FLEXPRICE_REDIS_PORT": str(port), "FLEXPRICE_REDIS_CLUSTER_MODE": "false"}
    at |= {"FLEXPRICE_REDIS_USE_TLS": "true"}
    for ca, good in (("ca", True), ("strange", False)):
        code, said = tries.run(["doctor"], {**at, "SSL_CERT_FILE": str(certs / f"{ca}.pem")})
        line = next((line for line in said.splitlines() if "Redis" in line), "")
        works = bool(line) and "works without it" not in line
        assert works == good, f"Redis over TLS with {ca}.pem:\n{said}"
        tries.passed += 1
        print(f"ok    Redis: TLS {'with the right CA' if good else 'refuses a strange CA'}", flush=True)


def main():
    if not os.environ.get("FLEXPRICE_BIN"):
        sys.exit("tls: FLEXPRICE_BIN is not set")
    with Installation(()) as installation:
        offset = int(installation.env["SERVICES_PORT_OFFSET"])
        ports = [installation.port + i for i in (20, 21, 22)]
        assert all_free(ports)
        certs = installation.home / "certificates"
        certificates(certs)
        kafka_properties(certs, ports, 29092 + offset, 29093 + offset)
        installation.env["SERVICES_KAFKA_PROPERTIES"] = str(certs / "kafka.properties")
        installation.services("up", "postgres", "redis", "kafka")
        postgres_with_tls(installation, certs)
        installation.services("restart", "postgres")
        redis_with_tls(installation, certs, ports[2], 6379 + offset)
        until("the broker listens", lambda: not all_free(ports))
        base = {"FLEXPRICE_POSTGRES_PORT": str(5432 + offset), "FLEXPRICE_POSTGRES_PASSWORD": PASSWORD, "FLEXPRICE_POSTGRES_USER": USER}
        tries = Tries(installation, base)
        try_postgres(tries, certs)
        try_kafka(tries, certs, ports)
        try_redis(tries, certs, ports[2])
    print(f"{tries.passed} passed, 0 failed")


if __name__ == "__main__":
    main()

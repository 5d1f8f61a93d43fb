"""Embedded Apicurio Registry, spoken to as a Confluent schema registry; its tables live in our Postgres."""

from __future__ import annotations

import http.client
import json
import signal

from tokentrail.devservices import artifacts
from tokentrail.devservices.java import java
from tokentrail.devservices.kafka import JVM_QUIET
from tokentrail.devservices.part import Part, Ports
from tokentrail.devservices.processes import LOOPBACK, Launch, Match
from tokentrail.devservices.progress import Progress
from tokentrail.devservices.state import State, open_log, password

PATH = "/apis/ccompat/v7"
JVM = ("-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData")


def part(postgres_port: int) -> Part:
    """The registry over the Postgres at this port: one started for another port is not the same."""
    return Part(
        name="registry",
        label="registry",
        port_names=("http", "management"),
        main=lambda state: _match(state, f"-Dtokentrail.postgres={postgres_port}"),
        family=_match,
        launch=lambda state, ports, progress: _launch(state, ports, progress, postgres_port),
        healthy=lambda _state, ports: answers(ports),
        stop_signal=signal.SIGTERM,
    )


def url(ports: Ports) -> str:
    """The address that Confluent's clients take."""
    return f"http://{LOOPBACK}:{ports['http']}{PATH}"


def answers(ports: Ports) -> bool:
    """Whether it lists its subjects, for which it must reach its database."""
    connection = http.client.HTTPConnection(LOOPBACK, ports["http"], timeout=5.0)
    try:
        connection.request("GET", f"{PATH}/subjects")
        response = connection.getresponse()
        return response.status == 200 and isinstance(json.loads(response.read()), list)
    except (OSError, http.client.HTTPException, ValueError):
        return False
    finally:
        connection.close()


def _match(state: State, *also: str) -> Match:
    needed = {f"-Dtokentrail.registry={state.part('registry')}", *also}
    return lambda process: needed.issubset(process.cmdline())


def _launch(state: State, ports: Ports, progress: Progress, postgres_port: int) -> Launch:
    home = artifacts.registry_home(progress)
    place = state.part("registry")
    scratch = place / "tmp"
    scratch.mkdir(exist_ok=True)
    argv = [
        str(java()),
        *JVM,
        *JVM_QUIET,
        f"-Djava.io.tmpdir={scratch}",
        f"-Dtokentrail.registry={place}",
        f"-Dtokentrail.postgres={postgres_port}",
        f"-Dquarkus.http.host={LOOPBACK}",
        f"-Dquarkus.http.port={ports['http']}",
        f"-Dquarkus.management.host={LOOPBACK}",
        f"-Dquarkus.management.port={ports['management']}",
        "-Dquarkus.otel.sdk.disabled=true",
        "-Dquarkus.log.level=WARN",
        "-Dquarkus.log.console.color=false",
        "-jar",
        str(home / "quarkus-run.jar"),
    ]
    env = {  # not on the command line, which every user of the machine can read
        "APICURIO_STORAGE_KIND": "sql",
        "APICURIO_STORAGE_SQL_KIND": "postgresql",
        "APICURIO_DATASOURCE_URL": f"jdbc:postgresql://{LOOPBACK}:{postgres_port}/registry",
        "APICURIO_DATASOURCE_USERNAME": "registry",
        "APICURIO_DATASOURCE_PASSWORD": password(state, "registry"),
    }
    return Launch(argv=argv, log=open_log(state, "registry"), cwd=place, env=env)

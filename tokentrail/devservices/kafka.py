"""Embedded Apache Kafka: one node, broker and KRaft controller in one process, loopback only."""

from __future__ import annotations

import base64
import signal
import socket
import struct
import subprocess
import uuid
from pathlib import Path

from tokentrail.devservices import artifacts
from tokentrail.devservices.java import java
from tokentrail.devservices.part import Part, Ports
from tokentrail.devservices.processes import LOOPBACK, Launch, Match, base_environment
from tokentrail.devservices.progress import Progress
from tokentrail.devservices.state import State, open_log, write_private
from tokentrail.errors import TokentrailError

JVM = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData")
JVM_QUIET = ("-Djava.awt.headless=true", "-Djava.net.preferIPv4Stack=true")

# Quick consumers: no wait for a group's first rebalance, and time-outs may be set low enough (1 s) that
# a killed member is noticed in seconds, by the classic protocol and by KIP-848. The log directory is named
# from the working directory: commas and letters outside Latin-1 mean something else in this file.
PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.listener.names=CONTROLLER
controller.quorum.voters=1@{host}:{controller}
listeners=PLAINTEXT://{host}:{client},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{client}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=data
auto.create.topics.enable=false
num.partitions=1
default.replication.factor=1
min.insync.replicas=1
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
group.consumer.min.session.timeout.ms=1000
group.consumer.session.timeout.ms=6000
group.consumer.min.heartbeat.interval.ms=250
group.consumer.heartbeat.interval.ms=1000
log.cleaner.dedupe.buffer.size=16777216
log.segment.bytes=134217728
num.network.threads=2
num.io.threads=4
num.recovery.threads.per.data.dir=2
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=3000
"""

LOGGING = """\
status=error
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d{ISO8601} %-5p %c{1} %m%n
rootLogger.level=warn
rootLogger.appenderRef.out.ref=out
logger.server.name=kafka.server.KafkaRaftServer
logger.server.level=info
"""


def _marker(state: State) -> str:
    """An argument of the command line that only the broker of this state directory has."""
    return f"-Dtokentrail.kafka={state.part('kafka')}"


def _match(state: State) -> Match:
    marker = _marker(state)
    return lambda process: marker in process.cmdline()


def _launch(state: State, ports: Ports, progress: Progress) -> Launch:
    home = state.part("kafka")
    config, logging = home / "server.properties", home / "log4j2.properties"
    write_private(config, PROPERTIES.format(host=LOOPBACK, **ports))
    write_private(logging, LOGGING)
    class_path = f"{artifacts.kafka_jars(progress)}/*"
    scratch = home / "tmp"  # native compression libraries are unpacked here; /tmp may forbid execution
    scratch.mkdir(exist_ok=True)
    flags = [*JVM, *JVM_QUIET, f"-Djava.io.tmpdir={scratch}", f"-Dlog4j2.configurationFile={logging}"]
    if not ((home / "formatted").exists() and (home / "data" / "meta.properties").exists()):
        _format(home, [str(java()), *flags, "-cp", class_path], config)
    argv = [str(java()), *flags, _marker(state), "-cp", class_path, "kafka.Kafka", str(config)]
    return Launch(argv=argv, log=open_log(state, "kafka"), cwd=home)


def _format(home: Path, command: list[str], config: Path) -> None:
    """Give the log directory its cluster id, once. A format that was cut short is simply done again."""
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "A", 1)
    arguments = ["kafka.tools.StorageTool", "format", "--ignore-formatted", "-t", cluster, "-c", str(config)]
    done = subprocess.run(  # noqa: S603 - argv is ours
        [*command, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=base_environment(),
        cwd=home,
        timeout=120,
        check=False,
    )
    if done.returncode != 0:
        words = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[-1]
        raise TokentrailError(f"Kafka's storage in {home} could not be prepared: {words[:300]}")
    (home / "formatted").touch()


def bootstrap(ports: Ports) -> str:
    """What clients connect to."""
    return f"{LOOPBACK}:{ports['client']}"


def answers(ports: Ports) -> bool:
    """Whether the broker is registered and serves clients: it names itself in its metadata.

    A Metadata v1 request in the wire protocol (https://kafka.apache.org/protocol#The_Messages_Metadata);
    a whole client library for this one question would cost each `status` a second of import.
    """
    body = struct.pack(">hhih", 3, 1, 7, -1) + struct.pack(">i", 0)  # header (no client id), no topics
    try:
        with socket.create_connection((LOOPBACK, ports["client"]), timeout=2.0) as connection:
            connection.settimeout(5.0)
            connection.sendall(struct.pack(">i", len(body)) + body)
            size = struct.unpack(">i", _exactly(connection, 4))[0]
            answer = _exactly(connection, min(size, 65536))
    except (OSError, struct.error):
        return False
    if len(answer) < 14:
        return False
    correlation, brokers, _node, host_length = struct.unpack_from(">iiih", answer)
    if correlation != 7 or brokers != 1 or len(answer) < 18 + host_length:
        return False
    port: int = struct.unpack_from(">i", answer, 14 + host_length)[0]
    return port == ports["client"]


def _exactly(connection: socket.socket, count: int) -> bytes:
    got = b""
    while len(got) < count:
        piece = connection.recv(count - len(got))
        if not piece:
            raise ConnectionResetError
        got += piece
    return got


PART = Part(
    name="kafka",
    label="Kafka",
    port_names=("client", "controller"),
    main=_match,
    family=_match,
    launch=_launch,
    healthy=lambda _state, ports: answers(ports),
    stop_signal=signal.SIGTERM,
)

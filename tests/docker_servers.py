"""The same servers from Docker, by testcontainers, for machines where an engine answers."""

from __future__ import annotations

import gc
import secrets
import socket
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import docker
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import HttpWaitStrategy, LogMessageWaitStrategy

KAFKA_IMAGE = "apache/kafka:4.3.1"
POSTGRES_IMAGE = "postgres:18"
REGISTRY_IMAGE = "apicurio/apicurio-registry:3.3.3"


def engine_answers() -> bool:
    """Whether a Docker engine is there and answers within two seconds."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # the client forgets its socket when it fails
        answer = _ping()
        gc.collect()
    return answer


def _ping() -> bool:
    try:
        client = docker.from_env(timeout=2)
    except docker.errors.DockerException:
        return False
    try:
        return bool(client.ping())
    except (docker.errors.DockerException, OSError):
        return False
    finally:
        client.close()


@contextmanager
def running(wanted: Sequence[str]) -> Iterator[dict[str, str]]:
    """The wanted servers in containers, ended with the block; ports on loopback only."""
    starters = {"kafka_bootstrap": _kafka, "database_url": _postgres, "schema_registry_url": _registry}
    with ExitStack() as stack:
        yield {name: stack.enter_context(starters[name]()) for name in wanted}


@contextmanager
def _kafka() -> Iterator[str]:
    port = _free_port()  # the broker must be told before it starts what clients will call it
    container = (
        DockerContainer(KAFKA_IMAGE)
        .with_kwargs(ports={f"{port}/tcp": ("127.0.0.1", port)})
        .with_envs(
            KAFKA_NODE_ID="1",
            KAFKA_PROCESS_ROLES="broker,controller",
            KAFKA_LISTENERS=f"PLAINTEXT://:{port},CONTROLLER://:9093",
            KAFKA_ADVERTISED_LISTENERS=f"PLAINTEXT://127.0.0.1:{port}",
            KAFKA_CONTROLLER_LISTENER_NAMES="CONTROLLER",
            KAFKA_CONTROLLER_QUORUM_VOTERS="1@localhost:9093",
            KAFKA_LISTENER_SECURITY_PROTOCOL_MAP="PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            KAFKA_AUTO_CREATE_TOPICS_ENABLE="false",
            KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR="1",
            KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR="1",
            KAFKA_TRANSACTION_STATE_LOG_MIN_ISR="1",
            KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS="0",
            KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS="1000",
            KAFKA_GROUP_CONSUMER_MIN_SESSION_TIMEOUT_MS="1000",
            KAFKA_GROUP_CONSUMER_SESSION_TIMEOUT_MS="6000",
            KAFKA_GROUP_CONSUMER_MIN_HEARTBEAT_INTERVAL_MS="250",
            KAFKA_GROUP_CONSUMER_HEARTBEAT_INTERVAL_MS="1000",
        )
        .waiting_for(LogMessageWaitStrategy("Kafka Server started"))
    )
    with container:
        yield f"127.0.0.1:{port}"


@contextmanager
def _postgres() -> Iterator[str]:
    port, password = _free_port(), secrets.token_urlsafe(16)
    # The image's first start runs a server for its own set-up and says the same line for it.
    container = (
        DockerContainer(POSTGRES_IMAGE)
        .with_kwargs(ports={"5432/tcp": ("127.0.0.1", port)})
        .with_envs(POSTGRES_PASSWORD=password, POSTGRES_DB="tokentrail")
        .with_command("-c max_connections=200 -c jit=off")
        .waiting_for(LogMessageWaitStrategy("database system is ready to accept connections", times=2))
    )
    with container:
        yield f"postgresql://postgres:{password}@127.0.0.1:{port}/tokentrail"


@contextmanager
def _registry() -> Iterator[str]:
    port = _free_port()
    container = (
        DockerContainer(REGISTRY_IMAGE)
        .with_kwargs(ports={"8080/tcp": ("127.0.0.1", port)})
        .with_envs(APICURIO_STORAGE_KIND="mem")  # H2 in memory: it lives as long as the tests
        .waiting_for(HttpWaitStrategy(8080, "/apis/ccompat/v7/subjects").for_status_code(200))
    )
    with container:
        yield f"http://127.0.0.1:{port}/apis/ccompat/v7"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

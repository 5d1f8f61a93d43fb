"""The fixtures hand out servers that work, and databases and topics that are fresh."""

import psycopg
import pytest
from confluent_kafka import TopicPartition

from tokentrail.config import Settings
from tokentrail.kafka import TOPICS, consumer, producer


def test_a_test_gets_a_migrated_database_of_its_own(settings: Settings, database: str) -> None:
    assert settings.database_url == database
    with psycopg.connect(database) as connection:
        found = connection.execute("SELECT to_regclass('ledger.entry') IS NOT NULL").fetchone()
    assert found == (True,)


@pytest.mark.parametrize("turn", ["first", "after one that wrote"])
def test_topics_are_empty_each_time(turn: str, settings: Settings, topics: list[str], topic_prefix: str) -> None:
    assert sorted(topics) == sorted(TOPICS)
    reader = consumer(settings, topic_prefix + "reader")
    try:
        assert reader.get_watermark_offsets(TopicPartition(topics[0], 0), timeout=10) == (0, 0)
    finally:
        reader.close()
    writer = producer(settings)
    writer.produce(topics[0], b"x", partition=0)
    assert writer.flush(10) == 0

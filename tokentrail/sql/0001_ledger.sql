-- The ledger, and what each stream keeps beside its own tables: positions and an outbox.

do $roles$
declare
    name text;
begin
    foreach name in array array['owner', 'writer', 'reader', 'checkpointer', 'issuer', 'scorer', 'retention'] loop
        begin
            execute format('create role tokentrail_%s %s', name,
                           case name when 'owner' then 'nologin' else 'login' end);
        exception when duplicate_object or unique_violation then
            null;  -- roles belong to the server, not to this database
        end;
        execute format('grant tokentrail_%s to current_user', name);
    end loop;
end
$roles$;

create schema ledger authorization tokentrail_owner;
create schema issuer authorization tokentrail_issuer;
create schema scorer authorization tokentrail_scorer;

set role tokentrail_owner;

-- One row a log: its head. The row lock is what makes one writer at a time.
create table ledger.log (
    log_id      integer primary key,
    origin      text not null unique,
    size        bigint not null default 0,
    chain_hash  bytea not null default decode(repeat('00', 32), 'hex'),
    root_hash   bytea not null default sha256(''),
    key_epoch   bigint not null default 0,  -- raised when a subject is forgotten: cached data keys are void
    created_at  timestamptz not null default now(),
    updated_at  timestamptz not null default now()
);

-- leaf is what is proved; the columns before it are projections of it, checked by the verifier.
-- ip_hash and device_hash are keyed hashes of fields of the body; body is sealed under the subject's data key.
create table ledger.entry (
    log_id          integer not null,
    index           bigint not null,
    topic           text,
    partition       integer,
    "offset"        bigint,
    kafka_time      timestamptz,
    event_id        uuid,
    type            text not null,
    issuer          text,
    issuer_stream   text,
    issuer_seq      bigint,
    subject         text,
    client_id       text,
    session_id      text,
    jti             text,
    occurred_at     timestamptz,
    schema_id       integer,
    ip_hash         bytea,
    device_hash     bytea,
    key_id          bigint,
    leaf            bytea not null,
    leaf_hash       bytea not null,
    chain_hash      bytea not null,
    body            bytea not null,
    appended_at     timestamptz not null,
    primary key (log_id, index, appended_at)
) partition by range (appended_at);

alter table ledger.entry alter column body set storage external;

create index entry_event_id on ledger.entry (event_id);
create index entry_subject on ledger.entry (subject, index);
-- Bloom summaries of page ranges: a few microseconds an entry less than a b-tree each,
-- and still no more than a handful of ranges to read for one token.
create index entry_jti on ledger.entry using brin (jti text_bloom_ops(n_distinct_per_range = 1500))
    with (pages_per_range = 128, autosummarize = on);
create index entry_session_id on ledger.entry using brin (session_id text_bloom_ops(n_distinct_per_range = 1500))
    with (pages_per_range = 128, autosummarize = on);
create index entry_ip_hash on ledger.entry using brin (ip_hash bytea_bloom_ops(n_distinct_per_range = 1500))
    with (pages_per_range = 128, autosummarize = on);
create index entry_device_hash on ledger.entry using brin (device_hash bytea_bloom_ops(n_distinct_per_range = 1500))
    with (pages_per_range = 128, autosummarize = on);
create index entry_time on ledger.entry using brin (kafka_time, index)
    with (pages_per_range = 64, autosummarize = on);

-- Full tiles of 256 hashes (C2SP tlog-tiles): level 0 holds leaf hashes, level n the roots of tiles of level n-1.
create table ledger.tile (
    log_id  integer not null,
    level   smallint not null,
    n       bigint not null,
    root    bytea not null,
    hashes  bytea not null,
    primary key (log_id, level, n)
);

create table ledger.checkpoint (
    log_id     integer not null,
    tree_size  bigint not null,
    note       text not null,
    vkey       text not null,
    signed_at  timestamptz not null default now(),
    primary key (log_id, tree_size, vkey)
);

-- One data key a subject, wrapped by the key from the environment; deleting the row forgets the subject.
create table ledger.data_key (
    key_id       bigint generated always as identity primary key,
    log_id       integer not null,
    subject      text not null,
    wrapping_key text not null,
    wrapped      bytea not null,
    created_at   timestamptz not null default now(),
    unique (log_id, subject, wrapping_key)
);

-- Kafka offsets that hold no entry of their own, and why.
create table ledger.skipped_offset (
    log_id        integer not null,
    topic         text not null,
    partition     integer not null,
    first_offset  bigint not null,
    last_offset   bigint not null,
    reason        text not null check (reason in ('duplicate', 'control')),
    primary key (log_id, topic, partition, first_offset)
);

-- Writer schemas that the log holds as entries, so that it can be read without the registry.
create table ledger.writer_schema (
    log_id     integer not null,
    schema_id  integer not null,
    index      bigint not null,
    primary key (log_id, schema_id)
);

create function ledger.refuse() returns trigger language plpgsql as $$
begin
    raise exception 'the ledger is append-only: % on %.% is refused', tg_op, tg_table_schema, tg_table_name
        using errcode = 'insufficient_privilege';
end
$$;

create trigger append_only before update or delete on ledger.entry
    for each row execute function ledger.refuse();
create trigger append_only before update or delete on ledger.tile
    for each row execute function ledger.refuse();
create trigger append_only before update or delete on ledger.checkpoint
    for each row execute function ledger.refuse();
create trigger no_truncate before truncate on ledger.entry
    for each statement execute function ledger.refuse();
create trigger no_truncate before truncate on ledger.tile
    for each statement execute function ledger.refuse();
create trigger no_truncate before truncate on ledger.checkpoint
    for each statement execute function ledger.refuse();

-- The writer may not create tables; it asks for the month it needs through this function.
create function ledger.ensure_month(at timestamptz) returns text
language plpgsql security definer set search_path = ledger, pg_catalog, pg_temp as $$
declare
    first timestamptz := date_trunc('month', at, 'UTC');
    name  text := 'entry_' || to_char(first at time zone 'UTC', 'YYYY_MM');
begin
    if to_regclass('ledger.' || name) is null then
        perform pg_advisory_xact_lock(hashtext('ledger.ensure_month'));
        execute format('create table if not exists ledger.%I partition of ledger.entry for values from (%L) to (%L)',
                       name, first, first + interval '1 month');
        execute format('create or replace trigger no_truncate before truncate on ledger.%I '
                       'for each statement execute function ledger.refuse()', name);
    end if;
    return name;
end
$$;
revoke execute on function ledger.ensure_month from public;

reset role;

-- Positions and outboxes: the same tables in each schema, owned by who uses them.
do $streams$
declare
    place record;
begin
    for place in select * from (values ('ledger', 'owner'), ('issuer', 'issuer'), ('scorer', 'scorer')) v(schema, owner) loop
        execute format('set role tokentrail_%s', place.owner);
        -- Who owns a partition now (epoch), where it goes on (next_offset), and how often it failed there.
        execute format($ddl$
            create table %I.partition_position (
                topic           text not null,
                partition       integer not null,
                topic_id        text not null,
                epoch           bigint not null default 1,
                owner           text not null,
                next_offset     bigint not null,
                stalls          integer not null default 0,
                attempt_offset  bigint,
                attempts        integer not null default 0,
                halted          text,
                updated_at      timestamptz not null default now(),
                primary key (topic, partition)
            )$ddl$, place.schema);
        -- What must be published because of what was committed with it. value and issuer_seq are set by the relay.
        execute format($ddl$
            create table %I.outbox (
                id          bigint generated always as identity primary key,
                topic       text not null,
                key         bytea,
                type        text not null,
                event       bytea,
                issuer_seq  bigint,
                headers     bytea,
                value       bytea,
                created_at  timestamptz not null default clock_timestamp()
            )$ddl$, place.schema);
        execute format($ddl$
            create table %I.sequence (
                issuer      text not null,
                stream      text not null,
                next_seq    bigint not null default 0,
                stated_seq  bigint not null default -1,
                stated_at   timestamptz not null default now(),
                primary key (issuer, stream)
            )$ddl$, place.schema);
        -- Hashes of what was published since the last statement.
        execute format($ddl$
            create table %I.published (
                issuer      text not null,
                stream      text not null,
                issuer_seq  bigint not null,
                leaf_hash   bytea not null,
                primary key (issuer, stream, issuer_seq)
            )$ddl$, place.schema);
        reset role;
    end loop;
end
$streams$;

grant usage on schema ledger to tokentrail_writer, tokentrail_reader, tokentrail_checkpointer, tokentrail_retention;
grant select on all tables in schema ledger to tokentrail_writer, tokentrail_reader, tokentrail_checkpointer, tokentrail_retention;
grant insert on ledger.log, ledger.entry, ledger.tile, ledger.data_key, ledger.skipped_offset, ledger.writer_schema
    to tokentrail_writer;
grant update (size, chain_hash, root_hash, updated_at) on ledger.log to tokentrail_writer;
grant execute on function ledger.ensure_month to tokentrail_writer;
grant select, insert, update, delete on ledger.partition_position, ledger.outbox, ledger.sequence, ledger.published
    to tokentrail_writer;
grant insert on ledger.checkpoint to tokentrail_checkpointer;

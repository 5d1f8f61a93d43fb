-- The scorer's memory and the analyst's queue. What names places or machines is sealed under TOKENTRAIL_DATA_KEY.

set role tokentrail_scorer;

-- Up to where each partition's state is in the tables below; records after it are scored again in silence.
create table scorer.snapshot (
    topic        text not null,
    partition    integer not null,
    next_offset  bigint not null,
    taken_at     timestamptz not null default now(),
    primary key (topic, partition)
);

-- One row a subject with its live tokens and families, sealed (AES-256-GCM, bound to the subject).
create table scorer.subject_state (
    partition   integer not null,
    subject     text not null,
    state       bytea not null,
    updated_at  timestamptz not null default now(),
    primary key (partition, subject)
);

-- What all subjects share: counts over the population, failures by source, what was alerted lately. Sealed.
create table scorer.population (
    name      text primary key,
    state     bytea not null,
    taken_at  timestamptz not null default now()
);

create table scorer.alert (
    alert_id          uuid primary key,
    incident_id       uuid not null,
    created_at        timestamptz not null default now(),
    trigger_event_id  text,
    trigger_type      text,
    trigger_at        timestamptz,
    subject           text,
    client_id         text,
    severity          text not null check (severity in ('low', 'medium', 'high', 'critical')),
    score             double precision not null,
    detections        text[] not null,
    sealed            bytea not null,   -- reasons in words: they name places and machines
    command_id        uuid,
    held              text,             -- why no command was sent although a detection asked for one
    proposed_target   text,             -- what it would have revoked: two persons may release it
    proposed_value    text,
    audience          text,
    status            text not null default 'open' check (status in ('open', 'acknowledged', 'dismissed', 'confirmed')),
    reviewer          text,
    reviewed_at       timestamptz,
    comment           text
);
create index alert_queue on scorer.alert (status, created_at desc);
create index alert_incident on scorer.alert (incident_id);

-- Who wants a held revocation sent. The second person's word sends it.
create table scorer.release (
    alert_id    uuid not null references scorer.alert,
    reviewer    text not null,
    said_at     timestamptz not null default now(),
    primary key (alert_id, reviewer)
);

-- Commands sent and whether the issuer has said that it obeyed.
create table scorer.command (
    command_id       uuid primary key,
    alert_id         uuid not null,
    target           text not null,
    value            text not null,
    audience         text,
    sent_at          timestamptz not null default now(),
    acknowledged_at  timestamptz,
    overdue_at       timestamptz
);
create index command_waiting on scorer.command (sent_at) where acknowledged_at is null and overdue_at is null;

reset role;

grant usage on schema scorer to tokentrail_reader;
grant select on scorer.alert, scorer.command to tokentrail_reader;

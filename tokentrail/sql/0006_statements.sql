-- Issuer statements as they came, and what was found of each.

set role tokentrail_owner;

create table ledger.statement (
    log_id      integer not null,
    event_id    uuid not null,
    issuer      text not null,
    stream      text not null,
    first_seq   bigint not null,
    last_seq    bigint not null,
    count       bigint not null,
    root_hash   bytea not null,
    signature   text not null,
    seen_at     timestamptz not null default clock_timestamp(),
    judged_at   timestamptz,
    verdict     text,
    primary key (log_id, event_id)
);
create index statement_open on ledger.statement (log_id, seen_at) where judged_at is null;
create index statement_stream on ledger.statement (log_id, issuer, stream, last_seq);

-- Several publishers count at once, each at its own place: a few clusters of numbers in each range of pages.
create index entry_issuer_seq on ledger.entry using brin (issuer_seq int8_minmax_multi_ops)
    with (pages_per_range = 64, autosummarize = on);

-- Keys that signed statements, kept so that the statements can be checked when the issuer is long gone.
create table ledger.issuer_key (
    log_id      integer not null,
    issuer      text not null,
    kid         text not null,
    jwk         text not null,
    first_seen  timestamptz not null default now(),
    primary key (log_id, issuer, kid)
);

grant select, insert on ledger.statement, ledger.issuer_key to tokentrail_writer;
grant update (judged_at, verdict) on ledger.statement to tokentrail_writer;
grant select on ledger.statement, ledger.issuer_key to tokentrail_reader;

-- A gap that a person accepted after a partition was halted; an entry GapAccepted says who and why.
alter table ledger.skipped_offset drop constraint skipped_offset_reason_check;
alter table ledger.skipped_offset add constraint skipped_offset_reason_check
    check (reason in ('duplicate', 'control', 'earlier_log', 'accepted'));

reset role;

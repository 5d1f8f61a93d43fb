-- Erasure, legal hold, rotation of the wrapping key, archive, and the record of who read.

set role tokentrail_owner;

-- Addresses and devices are looked up by HMAC under a random key of the log, wrapped like the data keys,
-- so that a new wrapping key changes no hash. More than one row only where a wrapping key was lost.
create table ledger.search_key (
    key_id        bigint generated always as identity primary key,
    log_id        integer not null,
    wrapping_key  text not null,
    wrapped       bytea not null,
    created_at    timestamptz not null default now()
);
create index search_key_log on ledger.search_key (log_id);

-- A subject has one data key, whatever key wraps it now: rewrapping must not run into this.
alter table ledger.data_key drop constraint data_key_log_id_subject_wrapping_key_key;
create index data_key_subject on ledger.data_key (log_id, subject);
create index data_key_wrapping on ledger.data_key (wrapping_key, key_id);

-- A hold keeps a subject's data from erasure and pruning. Never deleted: released, with who and when.
create table ledger.legal_hold (
    hold_id      bigint generated always as identity primary key,
    log_id       integer not null,
    subject      text not null,
    reason       text not null,
    placed_by    text not null default session_user,
    placed_at    timestamptz not null default now(),
    released_by  text,
    released_at  timestamptz
);
create unique index legal_hold_active on ledger.legal_hold (log_id, subject) where released_at is null;

-- Months that lie in Parquet instead of in ledger.entry. `location` is relative to the archive directory,
-- `manifest_hash` is SHA-256 of its manifest.json; the times are the least and greatest kafka_time.
create table ledger.archived_range (
    log_id         integer not null,
    month          date not null,
    first_index    bigint not null,
    last_index     bigint not null,
    chain_before   bytea not null,
    chain_hash     bytea not null,
    first_time     timestamptz,
    last_time      timestamptz,
    location       text not null,
    manifest_hash  bytea not null,
    archived_at    timestamptz not null default now(),
    pruned_at      timestamptz,
    primary key (log_id, month)
);

-- A retention run holds this lock to the end of its transaction; there is one run at a time.
create function ledger.lock_retention() returns void
language sql set search_path = pg_catalog, pg_temp as $$
    select pg_advisory_xact_lock(hashtext('ledger.retention'))
$$;

create function ledger.retention_runs() returns boolean
language sql stable set search_path = pg_catalog, pg_temp as $$
    select exists (
        select from pg_locks
        where locktype = 'advisory' and granted and pid = pg_backend_pid() and objsubid = 1
          and database = (select oid from pg_database where datname = current_database())
          and (classid::bigint << 32 | objid::bigint) = hashtext('ledger.retention')::bigint
    )
$$;

-- Nothing changes an entry, a tile or a checkpoint. One exception: a retention run may take the keyed
-- hashes of a forgotten subject away, and only those.
create or replace function ledger.refuse() returns trigger language plpgsql
set search_path = ledger, pg_catalog, pg_temp as $$
begin
    if tg_op = 'UPDATE' and tg_table_name like 'entry%' then
        if new.ip_hash is null and new.device_hash is null then
            old.ip_hash := null;
            old.device_hash := null;
            if new *= old and ledger.retention_runs() then
                return new;
            end if;
        end if;
    end if;
    raise exception 'the ledger is append-only: % on %.% is refused', tg_op, tg_table_schema, tg_table_name
        using errcode = 'insufficient_privilege';
end
$$;

-- Delete the subject's data keys and make every writer drop its cached ones. The log's head stays locked,
-- so that the caller's entry about it is in the same transaction.
create function ledger.forget_subject(log integer, who text) returns bigint
language plpgsql security definer set search_path = ledger, pg_catalog, pg_temp as $$
declare
    keys bigint;
begin
    perform ledger.lock_retention();
    if who = '' then
        raise exception 'the key of the log itself is not a subject''s' using errcode = 'invalid_parameter_value';
    end if;
    if exists (select from legal_hold h where h.log_id = log and h.subject = who and h.released_at is null) then
        raise exception 'a legal hold is on this subject' using errcode = 'insufficient_privilege';
    end if;
    perform from log l where l.log_id = log for update;
    delete from data_key k where k.log_id = log and k.subject = who;
    get diagnostics keys = row_count;
    update log l set key_epoch = key_epoch + 1 where l.log_id = log;
    return keys;
end
$$;

-- Take the keyed hashes away from entries whose data key is gone, some at a time, without the head's lock.
create function ledger.clear_hashes(log integer, who text, at_most integer) returns bigint
language plpgsql security definer set search_path = ledger, pg_catalog, pg_temp as $$
declare
    cleared bigint;
begin
    perform ledger.lock_retention();
    update entry e set ip_hash = null, device_hash = null
    from (
        select c.index, c.appended_at from entry c
        where c.log_id = log and c.subject = who and (c.ip_hash is not null or c.device_hash is not null)
          and not exists (select from data_key k where k.key_id = c.key_id)
        limit at_most
    ) n
    where e.log_id = log and e.index = n.index and e.appended_at = n.appended_at;
    get diagnostics cleared = row_count;
    return cleared;
end
$$;

create function ledger.month_table(month date) returns text
language sql immutable set search_path = pg_catalog, pg_temp as $$
    select 'entry_' || to_char(month, 'YYYY_MM')
$$;

-- Drop a month that archived_range says is archived, to its last entry. The exclusive lock is asked for
-- with a short time-out, so that a reader in the way costs the writer a moment and not a stop.
create function ledger.drop_archived_month(month_ date, wait interval) returns void
language plpgsql security definer set search_path = ledger, pg_catalog, pg_temp as $$
declare
    here   record;
    range_ archived_range;
begin
    perform ledger.lock_retention();
    if month_ <> date_trunc('month', month_)::date or month_ + interval '1 month' > now() - interval '31 days' then
        raise exception 'only whole months that ended 31 days ago may be archived'
            using errcode = 'insufficient_privilege';
    end if;
    perform set_config('lock_timeout', (extract(epoch from wait) * 1000)::integer::text, true);
    lock table ledger.entry in access exclusive mode;
    for here in execute format(
        'select l.log_id, l.size, p.first, p.last from ledger.log l cross join lateral
         (select min(e.index) as first, max(e.index) as last from ledger.%I e where e.log_id = l.log_id) p
         where p.first is not null', ledger.month_table(month_)) loop
        select * into range_ from archived_range r where r.log_id = here.log_id and r.month = month_;
        if range_.first_index is distinct from here.first or range_.last_index is distinct from here.last then
            raise exception 'month % of log % is not archived to its last entry', month_, here.log_id
                using errcode = 'insufficient_privilege';
        end if;
        if here.last >= here.size - here.size % 256 then
            raise exception 'month % of log % holds the edge of the tree', month_, here.log_id
                using errcode = 'insufficient_privilege';
        end if;
    end loop;
    execute format('drop table ledger.%I', ledger.month_table(month_));
end
$$;

-- Who read what, as an event for the ledger itself. The event is made here, so that a reader can put
-- nothing else into the outbox; a name that the reader gives never hides the login.
create function ledger.record_read(who text, purpose text, query text, found bigint) returns void
language sql security definer set search_path = ledger, pg_catalog, pg_temp as $$
    insert into ledger.outbox (topic, type, event)
    select 'tokens.events', 'LedgerRead', convert_to(jsonb_build_object(
        'event_id', encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
            placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6),
            52, 1), 53, 1), 'hex')::uuid,
        'occurred_at', (extract(epoch from clock_timestamp()) * 1000000)::bigint,
        'issuer', '', 'issuer_stream', '', 'issuer_seq', 0,
        'subject', null, 'client_id', null, 'session_id', null, 'jti', null, 'source', null,
        'reader', case when coalesce(who, '') in ('', session_user) then session_user
                       else left(who, 200) || ' (login ' || session_user || ')' end,
        'purpose', left(purpose, 1000), 'query', left(query, 8000), 'rows', found)::text, 'UTF8')
$$;

revoke execute on function ledger.forget_subject, ledger.clear_hashes, ledger.drop_archived_month,
    ledger.record_read from public;

grant select on ledger.search_key, ledger.legal_hold, ledger.archived_range
    to tokentrail_writer, tokentrail_reader, tokentrail_retention;
grant insert on ledger.search_key to tokentrail_writer;

-- A retention run appends entries of its own (what it did), as the writer does.
grant insert on ledger.entry, ledger.tile, ledger.data_key, ledger.search_key, ledger.legal_hold,
    ledger.archived_range to tokentrail_retention;
grant update (size, chain_hash, root_hash, updated_at) on ledger.log to tokentrail_retention;
grant update (wrapping_key, wrapped) on ledger.data_key, ledger.search_key to tokentrail_retention;
grant update (index) on ledger.writer_schema to tokentrail_retention;
grant update (released_by, released_at) on ledger.legal_hold to tokentrail_retention;
grant update (pruned_at, manifest_hash) on ledger.archived_range to tokentrail_retention;
grant execute on function ledger.ensure_month, ledger.lock_retention, ledger.forget_subject, ledger.clear_hashes,
    ledger.drop_archived_month to tokentrail_retention;

grant execute on function ledger.record_read to tokentrail_reader, tokentrail_retention;
-- What waits in the outbox is not sealed yet.
revoke select on ledger.outbox from tokentrail_reader, tokentrail_checkpointer, tokentrail_retention;

reset role;

-- Checkpoints, and who may read what for them.

set role tokentrail_owner;

-- A cosignature that comes late makes a second row of the same head: nothing is ever changed.
alter table ledger.checkpoint add column cosignatures smallint not null default 0 check (cosignatures >= 0);
alter table ledger.checkpoint drop constraint checkpoint_pkey;
alter table ledger.checkpoint add primary key (log_id, tree_size, vkey, cosignatures);

-- The checkpointer needs the tree and nothing else: no leaf, no body, no key, no outbox.
revoke all on all tables in schema ledger from tokentrail_checkpointer;
grant select on ledger.log, ledger.tile, ledger.checkpoint to tokentrail_checkpointer;
grant select (log_id, index, leaf_hash) on ledger.entry to tokentrail_checkpointer;
grant insert on ledger.checkpoint to tokentrail_checkpointer;

-- Reading the ledger is an event of the ledger. Who may only read can queue this one event and no other.
create function ledger.note_read(event bytea) returns void
language plpgsql security definer set search_path = ledger, pg_catalog, pg_temp as $$
begin
    if octet_length(event) > 65536 then
        raise exception 'the record of a read is too large' using errcode = 'program_limit_exceeded';
    end if;
    insert into ledger.outbox (topic, key, type, event)
    values ('tokens.events', convert_to(convert_from(event, 'UTF8')::json ->> 'client_id', 'UTF8'), 'LedgerRead', event);
end
$$;
revoke execute on function ledger.note_read from public;
grant execute on function ledger.note_read to tokentrail_reader;

reset role;

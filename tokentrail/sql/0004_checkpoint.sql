-- Checkpoints, and who may read what for them.

set role tokentrail_owner;

-- A cosignature that comes late makes a second row of the same head: nothing is ever changed.
alter table ledger.checkpoint add column cosignatures smallint not null default 0 check (cosignatures >= 0);
alter table ledger.checkpoint drop constraint checkpoint_pkey;
alter table ledger.checkpoint add primary key (log_id, tree_size, vkey, cosignatures);

-- A log that goes on after a restore does not hold what the log before it read.
alter table ledger.skipped_offset drop constraint skipped_offset_reason_check;
alter table ledger.skipped_offset add constraint skipped_offset_reason_check
    check (reason in ('duplicate', 'control', 'earlier_log'));

-- The checkpointer needs the tree and nothing else: no leaf, no body, no key, no outbox.
revoke all on all tables in schema ledger from tokentrail_checkpointer;
grant select on ledger.log, ledger.tile, ledger.checkpoint to tokentrail_checkpointer;
grant select (log_id, index, leaf_hash) on ledger.entry to tokentrail_checkpointer;
grant insert on ledger.checkpoint to tokentrail_checkpointer;

reset role;

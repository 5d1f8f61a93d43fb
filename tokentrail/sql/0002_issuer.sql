-- The reference issuer's own state. No name, password or token stands here: only keyed or plain hashes of them.

set role tokentrail_issuer;

-- Which of the issuer's sequences this database continues: a database made anew begins another one.
create table issuer.stream (
    only_one  boolean primary key default true check (only_one),
    id        uuid not null default gen_random_uuid()
);
insert into issuer.stream default values;

create table issuer.audience (
    name            text primary key,
    kid             text not null,
    public_key      text not null,
    encryption_alg  text not null default 'RSA-OAEP' check (encryption_alg in ('RSA-OAEP', 'RSA-OAEP-256')),
    lifetime        integer not null default 300 check (lifetime between 1 and 900),
    created_at      timestamptz not null default now(),
    disabled_at     timestamptz
);

-- secret_hash is SHA-256: a client secret is 256 random bits, so a slow hash would protect nothing.
create table issuer.client (
    client_id       text primary key,
    name            text not null,
    secret_hash     bytea,
    jwks            jsonb,
    grants          text[] not null,
    audiences       text[] not null,
    scope           text[] not null default '{}',
    redirect_uris   text[] not null default '{}',
    may_introspect  text not null default 'own' check (may_introspect in ('none', 'own', 'audience', 'any')),
    may_revoke      boolean not null default true,
    require_dpop    boolean not null default false,
    created_at      timestamptz not null default now(),
    disabled_at     timestamptz
);

-- name_hash is a hash of the login name under the issuer's secret: the name itself is nowhere.
create table issuer.person (
    subject         text primary key,
    name_hash       bytea not null unique,
    password_hash   text not null,
    totp_sealed     bytea,
    totp_last_step  bigint not null default 0,
    created_at      timestamptz not null default now(),
    disabled_at     timestamptz
);

create table issuer.session (
    sid         text primary key,
    subject     text not null,
    client_id   text not null,
    auth_time   bigint not null,
    amr         text[] not null,
    expires_at  timestamptz not null
);
create index session_subject on issuer.session (subject);
create index session_expiry on issuer.session (expires_at);

-- Access tokens are encrypted to their audience, so introspection knows them by their hash.
create table issuer.access_token (
    token_hash  bytea primary key,
    jti         text not null,
    client_id   text not null,
    subject     text not null,
    sid         text,
    family      text,
    audience    text not null,
    scope       text,
    issued_at   bigint not null,
    expires_at  bigint not null,
    cnf_jkt     text
);
create index access_token_jti on issuer.access_token (jti);
create index access_token_family on issuer.access_token (family) where family is not null;
create index access_token_expiry on issuer.access_token (expires_at);

-- One row a refresh token, also after its use: that is how its second use is known.
-- The successor is derived from the presented token, nonce and the issuer's secret, so a lost answer can be repeated.
create table issuer.refresh_token (
    token_hash      bytea primary key,
    family          text not null,
    gen             integer not null,
    client_id       text not null,
    subject         text not null,
    sid             text not null,
    audience        text not null,
    scope           text,
    nonce           bytea not null,
    created_at      timestamptz not null default clock_timestamp(),
    expires_at      timestamptz not null,
    used_at         timestamptz,
    successor_hash  bytea,
    last_jti        text,
    cnf_jkt         text,
    unique (family, gen)
);
create index refresh_token_expiry on issuer.refresh_token (expires_at);

-- A code is good once, for a minute; one that was used stays until then, so that its second use is known.
create table issuer.authorization_code (
    code_hash     bytea primary key,
    client_id     text not null,
    redirect_uri  text not null,
    challenge     text not null,
    audience      text not null,
    scope         text,
    subject       text not null,
    sid           text not null,
    auth_time     bigint not null,
    amr           text[] not null,
    jkt           text,
    expires_at    timestamptz not null,
    used_at       timestamptz
);
create index authorization_code_expiry on issuer.authorization_code (expires_at);

-- Ids of assertions and proofs that may be used once (RFC 7523 section 3, RFC 9449 section 11.1).
create table issuer.used_once (
    id_hash     bytea primary key,
    expires_at  timestamptz not null
);
create index used_once_expiry on issuer.used_once (expires_at);

-- What was revoked, and when: all that was issued up to then is dead. Times in Unix microseconds.
create table issuer.cutoff (
    target      text not null check (target in ('jti', 'session', 'subject', 'client', 'family', 'issuer')),
    value       text not null,
    revoked_at  bigint not null,
    until       bigint not null,
    reason      text not null,
    caused_by   text,
    primary key (target, value)
);
create index cutoff_until on issuer.cutoff (until);

-- Every command that came, obeyed or not, once for each time it came with another outcome.
create table issuer.command (
    command_id   text not null,
    outcome      text not null check (outcome in
                     ('applied', 'replayed', 'forged', 'foreign', 'expired', 'future', 'malformed', 'forbidden')),
    target       text,
    value        text,
    topic        text not null,
    partition    integer not null,
    "offset"     bigint not null,
    times        integer not null default 1,
    seen_at      timestamptz not null default clock_timestamp(),
    primary key (command_id, outcome)
);
create unique index command_applied_once on issuer.command (command_id) where outcome = 'applied';

reset role;

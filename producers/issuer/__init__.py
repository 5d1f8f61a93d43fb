"""The reference issuer: OAuth 2.0 over HTTP, state in Postgres, events through the outbox."""

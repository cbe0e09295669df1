-- What the proof that passed has looked at and not, and by which policy, catalog and release: the certificate's body.
-- It names places and counts, never a person. Null for what was proven before it was kept.

alter table lifecycle.erasure add column proof jsonb;

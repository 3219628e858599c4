-- Log-ins that were tried, on the machine's own time. The key says what is counted: an address and a name, an address, a
-- name, or a browser that is known. A name stands there as it was typed, so that an answer tells nobody which exist.
CREATE TABLE login_try (
    key text PRIMARY KEY,
    tries int NOT NULL,
    last_at timestamptz NOT NULL
);

CREATE TABLE IF NOT EXISTS clients (
    id TEXT PRIMARY KEY,
    public_key TEXT NOT NULL -- PEM, RSA
) WITHOUT ROWID;

-- Amounts are fen.
CREATE TABLE IF NOT EXISTS accounts (
    number TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    client TEXT NOT NULL REFERENCES clients,
    opening INTEGER NOT NULL,
    balance INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS lines (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    account TEXT NOT NULL REFERENCES accounts,
    at TEXT NOT NULL,
    direction TEXT NOT NULL CHECK (direction IN ('C', 'D')),
    amount INTEGER NOT NULL CHECK (amount > 0),
    balance INTEGER NOT NULL, -- after this line
    payment INTEGER REFERENCES payments,
    counterparty TEXT NOT NULL,
    text TEXT NOT NULL,
    reversal INTEGER NOT NULL,
    outside_id TEXT UNIQUE -- the id of a credit or debit that came by the control plane
);
CREATE INDEX IF NOT EXISTS lines_of_account ON lines (account, seq);

CREATE TABLE IF NOT EXISTS payments (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    client TEXT NOT NULL REFERENCES clients,
    serial TEXT NOT NULL, -- the client's number, its date first
    account TEXT NOT NULL REFERENCES accounts,
    payee TEXT NOT NULL,
    payee_name TEXT NOT NULL,
    payee_type TEXT NOT NULL, -- holder/class/medium
    amount INTEGER NOT NULL CHECK (amount > 0),
    purpose TEXT NOT NULL,
    key TEXT NOT NULL, -- the note: the customer's own number
    content TEXT NOT NULL, -- SHA-256 of what was asked for: the same serial again must ask for the same
    code TEXT NOT NULL,
    at TEXT NOT NULL,
    returned_at TEXT,
    debit_seq INTEGER, -- the line by which the money left
    return_seq INTEGER, -- the line by which it came back
    next_at TEXT, -- when the bank goes on by itself, and to which code
    next_code TEXT,
    hidden INTEGER NOT NULL DEFAULT 0, -- so many queries still find nothing
    contradicts INTEGER NOT NULL DEFAULT 0, -- 1: says failed, and the money is gone all the same
    UNIQUE (client, serial)
);
CREATE INDEX IF NOT EXISTS payments_due ON payments (next_at) WHERE next_at IS NOT NULL;

CREATE TABLE IF NOT EXISTS enterprises (
    uid TEXT PRIMARY KEY,
    public_key TEXT NOT NULL, -- SM2, 128 hex
    sm4_key TEXT NOT NULL, -- 32 hex
    corp_nbr TEXT NOT NULL, -- the enterprise's number in notices
    notify_key TEXT NOT NULL, -- SM4 key of notices, 32 hex
    notify_url TEXT NOT NULL -- where notices go, "" for nowhere
) WITHOUT ROWID;

-- Every request number that was ever processed: it may not come twice.
CREATE TABLE IF NOT EXISTS requests (uid TEXT, reqid TEXT, PRIMARY KEY (uid, reqid)) WITHOUT ROWID;

-- Amounts are fen.
CREATE TABLE IF NOT EXISTS accounts (
    number TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    uid TEXT NOT NULL REFERENCES enterprises,
    opening INTEGER NOT NULL,
    balance INTEGER NOT NULL,
    approval INTEGER NOT NULL, -- 1: payments wait for somebody's approval (AUT)
    opened_at TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS payees (number TEXT PRIMARY KEY, name TEXT NOT NULL, state TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS lines (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    account TEXT NOT NULL REFERENCES accounts,
    at TEXT NOT NULL,
    day TEXT NOT NULL, -- China date of `at`, yyyyMMdd
    value_day TEXT NOT NULL,
    direction TEXT NOT NULL CHECK (direction IN ('C', 'D')),
    amount INTEGER NOT NULL CHECK (amount > 0),
    balance INTEGER NOT NULL, -- after this line
    payment INTEGER REFERENCES payments,
    counterparty_name TEXT NOT NULL,
    counterparty_account TEXT NOT NULL,
    purpose TEXT NOT NULL,
    text TEXT NOT NULL,
    reversal INTEGER NOT NULL,
    outside_id TEXT UNIQUE -- the id of a credit or debit that came by the control plane
);
CREATE INDEX IF NOT EXISTS lines_of_account ON lines (account, seq);

CREATE TABLE IF NOT EXISTS payments (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    uid TEXT NOT NULL REFERENCES enterprises,
    yur_ref TEXT NOT NULL,
    account TEXT NOT NULL REFERENCES accounts,
    payee TEXT NOT NULL, -- crtAcc
    amount INTEGER NOT NULL CHECK (amount > 0),
    key TEXT NOT NULL, -- busNar
    item TEXT NOT NULL, -- JSON: the fields as they came
    batch INTEGER REFERENCES batches, -- the batch it came in, if it did
    trx_seq TEXT NOT NULL DEFAULT '', -- its number in a payroll batch
    contradicts INTEGER NOT NULL DEFAULT 0, -- 1: says FIN/F, and the money is gone all the same
    req_sts TEXT NOT NULL,
    rtn_flg TEXT NOT NULL,
    err_cod TEXT NOT NULL DEFAULT '',
    err_txt TEXT NOT NULL DEFAULT '',
    at TEXT NOT NULL,
    finished_at TEXT,
    returned_at TEXT,
    debit_seq INTEGER, -- the line by which the money left
    return_seq INTEGER, -- the line by which it came back
    next_at TEXT, -- when the bank goes on by itself, and to which status
    next_sts TEXT,
    next_flg TEXT,
    hidden INTEGER NOT NULL DEFAULT 0 -- so many queries still find nothing
);
CREATE INDEX IF NOT EXISTS payments_by_batch ON payments (batch);
CREATE INDEX IF NOT EXISTS payments_by_reference ON payments (uid, yur_ref);
CREATE INDEX IF NOT EXISTS payments_due ON payments (next_at) WHERE next_at IS NOT NULL;

-- BB1PAYBH and BB6BTHHL: the items are payments; each has an outcome of its own.
CREATE TABLE IF NOT EXISTS batches (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    uid TEXT NOT NULL REFERENCES enterprises,
    kind TEXT NOT NULL, -- N02030 payments, N03020 payroll
    number TEXT NOT NULL, -- bthNbr, or yurref of a payroll
    account TEXT NOT NULL REFERENCES accounts,
    mode TEXT NOT NULL, -- busMod
    at TEXT NOT NULL,
    hidden INTEGER NOT NULL DEFAULT 0, -- so many queries still find nothing
    UNIQUE (uid, kind, number)
);

-- What is to be pushed to an enterprise; a row goes once it was taken, or after the last try.
CREATE TABLE IF NOT EXISTS notices (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    uid TEXT NOT NULL REFERENCES enterprises,
    kind TEXT NOT NULL, -- FINS, FINB, NCCRTTRS, NCDBTTRS
    payment INTEGER REFERENCES payments,
    line INTEGER REFERENCES lines,
    req_sts TEXT NOT NULL DEFAULT '', -- as they were when the notice fell due
    rtn_flg TEXT NOT NULL DEFAULT '',
    due TEXT NOT NULL,
    sends INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS notices_due ON notices (due);

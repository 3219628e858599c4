-- A merchant's file of collections (批量代收). A row is its own job: while items wait, they become intents in portions.
-- No foreign keys to merchant and intent, as in intent.
CREATE TABLE batch (
    id uuid PRIMARY KEY,
    merchant text NOT NULL,
    batch_no text NOT NULL, -- the merchant's own number
    digest bytea NOT NULL DEFAULT '', -- SHA-256 of the file
    items int NOT NULL DEFAULT 0,
    amount bigint NOT NULL DEFAULT 0, -- fen, of all lines whose amount can be read
    partial boolean NOT NULL, -- bad lines were let in as refused items
    state text NOT NULL CHECK (state IN ('LOADING', 'ACCEPTED', 'FINISHED')),
    alone_until timestamptz, -- when the last item that travels alone was given its turn
    finished_at timestamptz,
    told uuid NOT NULL, -- id of the event that tells the merchant of the end
    -- the job
    next_action_at timestamptz,
    lease_until timestamptz,
    fence bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL
);
-- A file that is still being read is nobody's batch yet.
CREATE UNIQUE INDEX batch_number ON batch (merchant, batch_no) WHERE state <> 'LOADING';
CREATE INDEX batch_due ON batch (next_action_at) WHERE next_action_at IS NOT NULL;

-- A line of the file. Its account is sealed here until the intent has it, and then only there.
CREATE TABLE batch_item (
    batch uuid NOT NULL,
    line int NOT NULL, -- of the file, the header is line 1
    order_no text NOT NULL, -- the merchant's own number of the collection; '' where the line is bad
    amount bigint NOT NULL, -- fen; 0 where the line is bad
    description text NOT NULL DEFAULT '',
    account_token text NOT NULL DEFAULT '',
    account_tail text NOT NULL DEFAULT '',
    account_type text NOT NULL DEFAULT '',
    fingerprint text NOT NULL DEFAULT '', -- of the payer's number, finds the mandate
    digest bytea NOT NULL DEFAULT '', -- SHA-256 of what is asked, as in intent
    state text NOT NULL CHECK (state IN ('WAITING', 'ACCEPTED', 'REFUSED')),
    intent uuid, -- ACCEPTED: the collection; it may be older than the batch
    code text NOT NULL DEFAULT '', -- REFUSED: why
    message text NOT NULL DEFAULT '',
    PRIMARY KEY (batch, line)
);
CREATE INDEX batch_item_waiting ON batch_item (batch, line) WHERE state = 'WAITING';

-- Items that travel to a channel in one message. A row is its own job; what the bytes depend on is stored before.
CREATE TABLE channel_batch (
    id uuid PRIMARY KEY,
    batch uuid NOT NULL,
    channel text NOT NULL,
    operation text NOT NULL,
    items int NOT NULL,
    amount bigint NOT NULL,
    number text CHECK (number ~ '^[0-9]{4}$'), -- the channel's, given with the day at the first attempt
    day date,
    requested_at timestamptz,
    state text NOT NULL CHECK (
        state IN (
            'CREATED', -- nothing has left
            'SENDING', -- the attempt is stored, the message may have left
            'ACCEPTED', -- the channel has the whole of it
            'UNKNOWN', -- it left, and no answer proves anything
            'REFUSED', -- the channel will do no item of it
            'DONE', -- every item has what the channel said of it
            'LEFT' -- never found: its items are asked for one by one, and by the files
        )
    ),
    code text NOT NULL DEFAULT '',
    message text NOT NULL DEFAULT '',
    queries int NOT NULL DEFAULT 0,
    not_found int NOT NULL DEFAULT 0,
    next_action_at timestamptz,
    lease_until timestamptz,
    fence bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    UNIQUE (channel, day, number)
);
CREATE INDEX channel_batch_due ON channel_batch (next_action_at) WHERE next_action_at IS NOT NULL;
CREATE INDEX channel_batch_batch ON channel_batch (batch);

-- What was sent and what came back: append-only.
CREATE TABLE channel_batch_step (
    id uuid PRIMARY KEY, -- UUIDv7: sorts by time
    channel_batch uuid NOT NULL,
    at timestamptz NOT NULL,
    kind text NOT NULL CHECK (kind IN ('sent', 'answer', 'query')),
    verdict text NOT NULL DEFAULT '',
    code text NOT NULL DEFAULT '',
    message text NOT NULL DEFAULT '',
    raw text NOT NULL DEFAULT '' -- masked
);
CREATE INDEX channel_batch_step_batch ON channel_batch_step (channel_batch, id);

-- The last number that a channel's day has used: numbers are given in order, and never twice.
CREATE TABLE channel_batch_number (
    channel text NOT NULL,
    day date NOT NULL,
    last int NOT NULL CHECK (last BETWEEN 1 AND 9999),
    PRIMARY KEY (channel, day)
);

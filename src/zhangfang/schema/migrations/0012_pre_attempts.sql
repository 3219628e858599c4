-- What an intent asks for beside its amount, and where it was tried before.
ALTER TABLE intent
ADD COLUMN product text NOT NULL DEFAULT '', -- of a purchase: cashier or alipay_app
ADD COLUMN instalments int NOT NULL DEFAULT 0 CHECK (instalments >= 0), -- periods; 0: paid at once
ADD COLUMN fee_by text NOT NULL DEFAULT '' CHECK (fee_by IN ('', 'payer', 'merchant')), -- who bears their charge
ADD COLUMN account_type text NOT NULL DEFAULT '', -- holder/class/medium of payer or payee
ADD COLUMN mandate uuid, -- the payer's consent to this collection
ADD COLUMN agreement text NOT NULL DEFAULT '', -- the channel's own number of it
ADD COLUMN batch uuid, -- the channel's batch that carries it; null: it travels alone
ADD COLUMN attempt int NOT NULL DEFAULT 1,
ADD COLUMN table_version int NOT NULL DEFAULT 0, -- of the tables by which its channel was chosen
ADD COLUMN parked_since timestamptz; -- no table knows its account type; held until one does, or a person ends it

-- The new one allows one state more, so every row that is there keeps it: nothing has to be read for it.
-- squawk-ignore ban-drop-constraint
ALTER TABLE intent DROP CONSTRAINT intent_state_check;
ALTER TABLE intent ADD CONSTRAINT intent_state_check CHECK (
    state IN (
        'CREATED', 'PARKED', 'REDIRECTED', 'SENDING', 'ACCEPTED', 'UNKNOWN', 'MANUAL',
        'SUCCESS', 'FAILED', 'REFUSED', 'CLOSED'
    )
) NOT VALID;

-- squawk-ignore ban-drop-constraint
ALTER TABLE step DROP CONSTRAINT step_kind_check;
ALTER TABLE step ADD CONSTRAINT step_kind_check CHECK (
    kind IN (
        'received', 'ledger', 'routed', 'sent', 'answer', 'query', 'notification',
        'file', 'bank', 'told', 'person', 'settled'
    )
) NOT VALID;

-- Attempts that came to nothing, each with the ids it used: a channel may still contradict itself about one. The one
-- that counts is in the intent. A new one begins only where nothing was sent, or after a definite failure.
CREATE TABLE attempt (
    intent uuid NOT NULL,
    number int NOT NULL,
    channel text NOT NULL,
    channel_order_no text NOT NULL UNIQUE,
    requested_at timestamptz NOT NULL,
    business_date date NOT NULL,
    voucher uuid NOT NULL,
    undo_voucher uuid NOT NULL,
    sent boolean NOT NULL, -- false: proven never to have left
    code text NOT NULL,
    message text NOT NULL,
    ended_at timestamptz NOT NULL,
    PRIMARY KEY (intent, number)
);

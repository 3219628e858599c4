-- An endpoint is its own job: it takes turns, and one that fails rests. Each event has a delivery for each endpoint.
ALTER TABLE webhook_endpoint
ADD COLUMN id uuid,
ADD COLUMN enabled boolean NOT NULL DEFAULT true,
ADD COLUMN failures int NOT NULL DEFAULT 0, -- tries in a row that were not acknowledged
ADD COLUMN rest_until timestamptz, -- nothing is sent before, if it has failed too often in a row
ADD COLUMN next_action_at timestamptz, -- null: nothing waits, or it is disabled
ADD COLUMN lease_until timestamptz,
ADD COLUMN fence bigint NOT NULL DEFAULT 0;
ALTER TABLE webhook_endpoint ALTER COLUMN id SET DEFAULT gen_random_uuid();
UPDATE webhook_endpoint SET id = gen_random_uuid() WHERE id IS NULL;

CREATE TABLE webhook_delivery (
    endpoint uuid NOT NULL,
    webhook uuid NOT NULL, -- the event
    attempts int NOT NULL DEFAULT 0,
    last_status int, -- of HTTP; null: no answer came
    note text NOT NULL DEFAULT '', -- why no answer came
    next_action_at timestamptz, -- null: delivered, or given up
    delivered_at timestamptz,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (endpoint, webhook)
);
CREATE INDEX webhook_delivery_event ON webhook_delivery (webhook);
CREATE INDEX webhook_delivery_due ON webhook_delivery (endpoint, next_action_at) WHERE next_action_at IS NOT NULL;
CREATE INDEX webhook_delivery_given_up ON webhook_delivery (endpoint, webhook)
WHERE delivered_at IS NULL AND next_action_at IS NULL;

-- What ended before. What still waits is spread over the endpoints when it is due.
INSERT INTO webhook_delivery (endpoint, webhook, attempts, last_status, delivered_at, created_at)
SELECT e.id, w.id, w.attempts, w.last_status, w.delivered_at, w.created_at
FROM webhook w JOIN webhook_endpoint e ON e.merchant = w.merchant
WHERE w.next_action_at IS NULL;

-- Rows of a channel's file that could not be understood. They are kept in `raw`, and each is a break of its own.
ALTER TABLE file_line
ADD COLUMN unread text NOT NULL DEFAULT ''; -- why; empty for a row that was understood

-- As long as one row is not understood, the file does not prove that it lacks an order.
ALTER TABLE channel_file
ADD COLUMN unread int NOT NULL DEFAULT 0; -- rows

-- The new one allows one class more, so every row that is there keeps it: nothing has to be read for it.
-- squawk-ignore ban-drop-constraint
ALTER TABLE break DROP CONSTRAINT break_class_check;
ALTER TABLE break ADD CONSTRAINT break_class_check CHECK (
    class IN (
        'missing_here', 'missing_there', 'amount_differs', 'duplicate', 'fee_differs',
        'unknown_receipt', 'unknown_debit', 'contradiction', 'unread'
    )
) NOT VALID;

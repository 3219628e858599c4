-- The line of the company's own bank statement on which an announced top-up or prefunding left.
ALTER TABLE register_entry ADD COLUMN own_line text;
GRANT UPDATE (own_line) ON register_entry TO zhangfang_platform;

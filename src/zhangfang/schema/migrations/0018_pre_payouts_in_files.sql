-- A channel that pays out as well lists its payouts in its file, and those that came back. Null on files from before.
ALTER TABLE channel_file
ADD COLUMN payout_voucher uuid, -- S3
ADD COLUMN return_voucher uuid; -- S11

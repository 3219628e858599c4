-- A UUIDv7 of a business moment, as `kernel.ids.new_id` makes it: the last byte is zero, for the lines of a voucher, and the
-- 12 bits after the version hold the fraction of the millisecond. Breaks are opened as a set, and so their ids are made here.
CREATE FUNCTION id_of(moment timestamptz) RETURNS uuid LANGUAGE sql VOLATILE AS $$
    SELECT encode(
        substring(int8send(m.micros / 1000) FROM 3)
        || substring(int4send((28672 + m.micros % 1000 * 4096 / 1000)::int) FROM 3)
        || set_byte(substring(uuid_send(gen_random_uuid()) FROM 9), 7, 0), 'hex'
    )::uuid
    FROM (SELECT (extract(epoch FROM moment) * 1000000)::bigint AS micros) m
$$;

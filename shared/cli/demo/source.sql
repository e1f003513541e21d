create table public.orders (id bigint primary key, customer text not null, amount numeric(12, 2) not null, ordered_at timestamp with time zone not null);
insert into public.orders
select n, 'customer ' || (n % 5000), round((n * 37 % 100000) / 100.0, 2), timestamp with time zone '2026-01-01 00:00:00+00' + n * interval '1 minute'
from generate_series(1, 200000) as n

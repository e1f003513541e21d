create table public.zipcodes (zip_code text primary key, latitude numeric, longitude numeric, city text, state text, county text);
create table public.airports (iata text primary key, name text, city text, state text, country text, latitude numeric, longitude numeric);
create table public.birdstrikes (
  airport text, aircraft text, damage text, flight_date date, operator text, origin_state text, phase text,
  wildlife_size text, wildlife_species text, time_of_day text, cost_other bigint, cost_repair bigint, cost_total bigint, speed_knots integer
);
create table public.sp500 (day date primary key, open numeric, high numeric, low numeric, close numeric, adjusted_close numeric, volume bigint);
create table public.flights (delay integer, distance integer, time double precision);
create table public.flights_3m (date timestamp, delay bigint, distance bigint, origin text, destination text);
create table public.orders (id bigint primary key, customer text not null, amount numeric(12, 2) not null, ordered_at timestamp with time zone not null)

-- The seven marts and recognition, by hand: one DuckDB script from the same files, with nothing of the project's code.
-- No quarantine, no rules, no lineage, no versions; it is what the figures cost when everything else is left out.
-- {landing} is the folder of exports, {out} the database that is written.
set preserve_insertion_order = false;
attach '{out}' as out;
use out;

create table emp as
select "Employee ID" as id, strptime("Hire Date", '%m/%d/%Y')::date as hired,
    try_strptime("Last Day of Work", '%m/%d/%Y')::date as last_day,
    case lower("Termination Category") when 'voluntary' then 'voluntary' when 'involuntary' then 'involuntary'
        when 'other' then 'other' end as exit_type,
    "Regrettable" = 'Yes' as regretted, Department as department, Division as division, Location as location,
    Country as country, "Job Level" as job_level, lower("Worker Type") as employment_type,
    coalesce("Manager ID", 'unknown') as manager, coalesce(lower(Gender), 'unknown') as gender, Ethnicity as ethnicity,
    regexp_extract(filename, 'workers_(.*).csv', 1)::date as as_of
from read_csv('{landing}/hris/*.csv', skip = 3, header = false, auto_detect = false, filename = true, ignore_errors = true,
    delim = ',', quote = '"', escape = '"', nullstr = '', columns = {{
    'Employee ID': 'VARCHAR', 'Legal Name': 'VARCHAR', 'Work Email': 'VARCHAR', 'Worker Status': 'VARCHAR', 'Worker Type': 'VARCHAR',
    'Hire Date': 'VARCHAR', 'Original Hire Date': 'VARCHAR', 'Last Day of Work': 'VARCHAR', 'Termination Category': 'VARCHAR',
    'Termination Reason': 'VARCHAR', 'Regrettable': 'VARCHAR', 'Business Title': 'VARCHAR', 'Job Level': 'VARCHAR',
    'Department': 'VARCHAR', 'Division': 'VARCHAR', 'Location': 'VARCHAR', 'Country': 'VARCHAR', 'FTE': 'DOUBLE',
    'Manager ID': 'VARCHAR', 'Base Pay': 'DOUBLE', 'Currency': 'VARCHAR', 'Pay Range Midpoint': 'DOUBLE', 'Gender': 'VARCHAR',
    'Ethnicity': 'VARCHAR', 'Date of Birth': 'VARCHAR'}});

create table obs as select min(as_of) as first_day, max(as_of) as last_day from emp;
create table months as
select m::date as month, year(m) * 12 + month(m) as n, last_day(m) as closes, day(last_day(m)) as days
from obs, generate_series(date_trunc('month', first_day), last_day, interval 1 month) as t (m);

create table stints as
with newest as (
    select id, hired, max(as_of) as seen, arg_max(last_day, as_of) as last_day_, arg_max(exit_type, as_of) as exit_type,
        arg_max(regretted, as_of) as regretted, arg_max(last_day is null, as_of) as is_open,
        min(as_of) filter (employment_type not in ('intern', 'contractor')) as in_scope_from,
        bool_or(employment_type in ('intern', 'contractor')) as was_out
    from emp group by all
)
select id, row_number() over (partition by id order by hired) as stint,
    case when was_out then in_scope_from else hired end as hired,
    case when is_open and seen < (select last_day from obs) then seen when not is_open then last_day_ end as last_day,
    coalesce(exit_type, 'unknown') as exit_class, regretted, hired as delivered
from newest where in_scope_from is not null;

create table changes as
select "Employee ID" as id, "Effective Date"::date as d, "Old Value" as old, "New Value" as new
from read_csv('{landing}/job_changes/*.csv', header = true, all_varchar = true);

create table spans as
with long as (
    unpivot (
        select e.id, s.stint, s.hired, s.last_day, e.as_of, department, division, location, country, job_level,
            employment_type, manager, gender, ethnicity
        from emp as e join stints as s on e.id = s.id and e.hired = s.delivered
    ) on department, division, location, country, job_level, employment_type, manager, gender, ethnicity
    into name dim value val
),
stepped as (
    select *, lag(val) over w as before, lag(as_of) over w as before_as_of
    from long window w as (partition by id, stint, dim order by as_of)
),
changed as (
    select s.*, min(c.d) as d
    from stepped as s
    left join changes as c on s.id = c.id and c.old = s.before and c.new = s.val and c.d > before_as_of and c.d <= s.as_of
    where s.before is distinct from s.val
    group by all
),
dated as (
    select id, stint, dim, val, last_day, case when before is null then hired else greatest(hired, coalesce(d, as_of)) end as f
    from changed
),
spanned as (
    select id, stint, dim, val, f, coalesce(lead(f) over (partition by id, stint, dim order by f), last_day + 1) as t
    from dated where last_day is null or f <= last_day
)
select * from spanned
union all select id, stint, 'company', 'all', hired, last_day + 1 from stints
union all
select id, stint, 'tenure_band', b.name, (hired + to_years(b.lo))::date,
    least(last_day + 1, (hired + to_years(b.hi))::date)
from stints, (values ('<1y', 0, 1), ('1-3y', 1, 3), ('3-5y', 3, 5), ('5-10y', 5, 10), ('10y+', 10, 200)) as b (name, lo, hi)
where coalesce(last_day, (select last_day from obs)) >= (hired + to_years(b.lo))::date;

create table moves as
select s.dim, s.val, s.f as d, 1 as step, case when s.f > t.hired then 'in' when t.stint = 1 then 'hire' else 'rehire' end as what,
    null as exit_class, null as regretted, s.id, s.stint
from spans as s join stints as t using (id, stint)
union all
select s.dim, s.val, case when s.t > t.last_day then t.last_day else s.t end, -1,
    case when s.t > t.last_day then 'exit' else 'out' end, case when s.t > t.last_day then t.exit_class end, t.regretted, s.id, s.stint
from spans as s join stints as t using (id, stint) where s.t is not null and s.t <= (select last_day + 1 from obs);

create table walk as
with monthly as (
    select dim, val, n, sum(step) as step, count(*) filter (what = 'hire') as hires, count(*) filter (what = 'rehire') as rehires,
        count(*) filter (what = 'in') as transfers_in, count(*) filter (what = 'out') as transfers_out,
        count(*) filter (exit_class = 'voluntary') as v, count(*) filter (exit_class = 'involuntary') as i,
        count(*) filter (exit_class = 'other') as o, count(*) filter (exit_class = 'unknown') as u,
        count(*) filter (what = 'exit' and regretted) as reg,
        sum(step * (closes - d + (what <> 'exit')::int)) as pd, count(*) filter (what = 'exit' and d = closes) as on_last
    from moves join months on date_trunc('month', d) = month group by all
),
before as (select dim, val, sum(step) as people from moves where d < (select min(month) from months) group by all),
extent as (select dim, val, min(f) as f, max(coalesce(t - 1, (select last_day from obs))) as t from spans group by all),
spine as (
    select dim, val, months.* from extent join months on n >= year(f) * 12 + month(f) and n <= year(t) * 12 + month(t)
)
select s.*, coalesce(b.people, 0) + coalesce(sum(coalesce(m.step, 0)) over (
        partition by s.dim, s.val order by s.n rows between unbounded preceding and 1 preceding), 0) as opening,
    m.* exclude (dim, val, n), opening + coalesce(m.step, 0) as closing,
    (opening * s.days + coalesce(pd, 0)) / s.days as average
from spine as s left join monthly as m using (dim, val, n) left join before as b using (dim, val);

create table turnover as
with w as (
    select dim, val, month, n, average, unnest([
        {{'c': 'total', 'x': coalesce(v + i + o + u, 0)}}, {{'c': 'voluntary', 'x': coalesce(v, 0)}},
        {{'c': 'involuntary', 'x': coalesce(i, 0)}}, {{'c': 'other', 'x': coalesce(o, 0)}},
        {{'c': 'unknown', 'x': coalesce(u, 0)}}, {{'c': 'regretted', 'x': coalesce(reg, 0)}}]) as e
    from walk where dim <> 'manager'
)
select dim, val, month, e.c as exit_class, e.x as separations, e.x / nullif(average, 0) as monthly,
    sum(e.x) over y / nullif(avg(average) over y, 0) as rolling_12m, sum(e.x) over q / nullif(avg(average) over q, 0) * 4 as annualised_3m,
    sum(e.x) over t / nullif(avg(average) over t, 0) as year_to_date
from w window y as (partition by dim, val, e.c order by n rows 11 preceding), q as (partition by dim, val, e.c order by n rows 2 preceding),
    t as (partition by dim, val, e.c, year(month) order by n);

create table retention as
with base as (
    select s.dim, s.val, m.n, count(*) as was, count(*) filter (coalesce(t.last_day, '9999-12-31') > m12.closes) as still
    from spans as s join stints as t using (id, stint)
    join months as m on s.f <= m.closes and coalesce(s.t, '9999-12-31') > m.closes and coalesce(t.last_day, '9999-12-31') > m.closes
    join months as m12 on m12.n = m.n + 12
    group by all
)
select dim, val, n + 12 as n, was, still, still / was as rate from base;

create table answers as
select regexp_extract(filename, '(engagement-[0-9-]+)_', 1) as survey, ResponseId as r, ExternalReference as id,
    item, a::int as a
from (unpivot (select * from read_csv('{landing}/survey_responses/*_qualtrics.csv', skip = 3, header = false, all_varchar = true,
        filename = true, auto_detect = false, delim = ',', quote = '"', escape = '"', columns = {{
        'at': 'VARCHAR', 'ResponseId': 'VARCHAR', 'ExternalReference': 'VARCHAR', 'fin': 'VARCHAR', 'Q1': 'VARCHAR', 'Q2': 'VARCHAR',
        'Q3': 'VARCHAR', 'Q4': 'VARCHAR', 'Q5': 'VARCHAR', 'Q6': 'VARCHAR', 'Q7': 'VARCHAR', 'Q8': 'VARCHAR', 'Q9': 'VARCHAR',
        'Q10': 'VARCHAR', 'Q11': 'VARCHAR', 'Q12': 'VARCHAR', 'Q_eNPS': 'VARCHAR', 'Q_Comment': 'VARCHAR'}}))
    on Q1, Q2, Q3, Q4, Q5, Q6, Q7, Q8, Q9, Q10, Q11, Q12, Q_eNPS into name item value a);

create table slices_at_launch as
select l.survey, s.id, s.dim, s.val
from (select distinct Survey as survey, "Employee ID" as id, "Sent On"::date as d
      from read_csv('{landing}/survey_invitations/*.csv', header = true, all_varchar = true)) as l
join spans as s on l.id = s.id and s.f <= l.d and coalesce(s.t, '9999-12-31') > l.d;

create table morale as
with scored as (
    select *, case when item = 'Q8' then 6 - a else a end as v, case when item = 'Q_eNPS' then a * 10 else (v - 1) * 25 end as score,
        case when item = 'Q_eNPS' then 'eNPS' else 'D' || ((substr(item, 2)::int - 1) // 2) end as driver from answers
),
per as (
    select survey, r, id, driver, count(*) as n, sum(score) as score, count(*) filter (score >= 75) as fav
    from (select * from scored union all by name select * replace ('all' as driver) from scored) group by all
)
select p.survey, s.dim, s.val, driver, count(*) as respondents, sum(fav) / sum(n) as favourable, sum(score) / sum(n) as mean
from per as p join slices_at_launch as s using (survey, id) group by all having count(*) >= 5;

create table morale_item as
select a.survey, s.dim, s.val, item, count(*) as respondents, avg(a) as mean
from answers as a join slices_at_launch as s using (survey, id) where s.dim <> 'manager' group by all having count(*) >= 5;

create table enps as
select a.survey, s.dim, s.val, count(*) as respondents, 100.0 * (count(*) filter (a >= 9) - count(*) filter (a <= 6)) / count(*) as enps
from answers as a join slices_at_launch as s using (survey, id) where item = 'Q_eNPS' group by all having count(*) >= 5;

create table pulse as
with answers as (
    select regexp_extract(filename, '(pulse-[0-9-]+)_', 1) as survey, Department as department, Location as location, item, a::int as a
    from (unpivot (select * from read_csv('{landing}/survey_responses/pulse-*_wide.csv', header = true, all_varchar = true, filename = true))
        on P1, P2, P3, P4, P5 into name item value a)
),
sliced as (
    select survey, 'company' as dim, 'all' as val, item, a from answers
    union all select survey, 'department', department, item, a from answers
    union all select survey, 'location', location, item, a from answers
)
select survey, dim, val, item, count(*) as respondents, avg(a) as mean from sliced group by all having count(*) >= 5;

create table goal_attainment as
with g as (
    select "Goal ID" as g, "Owner ID" as id, "Period" as period, "Weight"::double as w, Status as status,
        ("Current"::double - "Start"::double) / ("Target"::double - "Start"::double) as x,
        make_date(substr("Period", 1, 4)::int, if("Period" like '%H1', 1, 7), 1) as f, (f + interval 6 month)::date as t
    from read_csv('{landing}/goals/*.csv', header = true, all_varchar = true) where Status <> 'Cancelled'
),
eligible as (
    select p.period, s.id, max(least(coalesce(s.last_day, p.t - 1), p.t - 1)) as d
    from (select distinct period, f, t from g) as p join stints as s on s.hired < p.t and coalesce(s.last_day, '9999-12-31') >= p.f
    group by all
),
owner as (
    select period, id, count(*) as goals, count(*) filter (status = 'Completed') as completed, sum(w * x) / sum(w) as raw,
        sum(w * greatest(0, least(1, x))) / sum(w) as capped
    from g group by all
)
select e.period, s.dim, s.val, count(*) as eligible, count(o.goals) as with_goals, sum(o.goals) as goals, avg(raw) as raw, avg(capped) as capped
from eligible as e join spans as s on e.id = s.id and s.f <= e.d and coalesce(s.t, '9999-12-31') > e.d
left join owner as o on e.period = o.period and e.id = o.id group by all;

create table recognition as
with r as (
    select "Giver" as id, "Date"::date as d, 1 as given from read_csv('{landing}/recognitions/*.csv', header = true, all_varchar = true)
    union all
    select "Receiver", "Date"::date, 0 from read_csv('{landing}/recognitions/*.csv', header = true, all_varchar = true)
)
select date_trunc('month', r.d) as month, s.dim, s.val, sum(given) as given, count(*) - sum(given) as received,
    count(distinct r.id) filter (given = 1) as givers, count(distinct r.id) filter (given = 0) as receivers
from r join spans as s on r.id = s.id and s.f <= r.d and coalesce(s.t, '9999-12-31') > r.d group by all;

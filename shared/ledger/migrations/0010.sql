-- The end of a run asks who waits for it, in the exact text of the condition.

create index run_wait_condition on adbpg_sync.run_wait (condition);

DROP TABLE old_ones; -- before the rule

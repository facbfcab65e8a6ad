static const struct alarm alarms[] = {
    {"disk-full", "critical", "told in the runbook"},
    {"too-late", "warning",
     "only mentioned there"},
    {"lost-key", "info", "nowhere"},
};

    {"orders-feed", {"sequencer"}, {"gateway"}, 3},

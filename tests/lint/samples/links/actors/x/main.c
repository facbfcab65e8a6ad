static const struct actor_link links[] = {
    [A] = {{"orders-feed", BUS_PUB, true, 0}, true, NULL},
    [B] = {{"gossip-feed", BUS_SUB, false, 0}, false, accepts},
};

# The simulator: the real cores on virtual time. More seeds: build/tests/tb-sim --seeds 10000 --first 1000.
if(TARGET tulip_sequencer_core AND TARGET tulip_simfill_core AND TARGET tulip_balance_core AND TARGET tulip_replay)
  add_executable(tb-sim main.c sim_driver.c sim_node.c sim_calls.c sim_bus.c sim_store.c sim_store_sequencer.c sim_store_simfill.c
    sim_store_balance.c sim_clients.c sim_oracle.c sim_wrap.c)
  target_include_directories(tb-sim PRIVATE ${CMAKE_SOURCE_DIR}/actors)
  target_link_libraries(tb-sim PRIVATE tulip_sequencer_core tulip_simfill_core tulip_balance_core tulip_replay tulip_common tulip_warnings)
  target_link_options(tb-sim PRIVATE -Wl,--wrap=follow_offer) # for --bug gap-not-filled
  set_target_properties(tb-sim PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME sim-seeds COMMAND tb-sim --seeds 200)
  set_tests_properties(sim-seeds PROPERTIES LABELS sim TIMEOUT 900)
  # The test of the test: each seeded bug must be found.
  foreach(bug cursor-not-in-tx no-fence reply-before-commit no-unique cursor-behind late-commit lose-parked stale-poll
      dedupe-in-memory gap-not-filled feed-before-commit outbox-not-in-tx lose-dead-letter redrive-twice)
    add_test(NAME sim-finds-${bug} COMMAND tb-sim --seeds 100 --once --bug ${bug})
    set_tests_properties(sim-finds-${bug} PROPERTIES LABELS sim TIMEOUT 300)
  endforeach()
endif()

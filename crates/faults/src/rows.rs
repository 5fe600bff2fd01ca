//! Every fault and every promise, with the tests that prove it. A test of this crate checks that each of
//! them exists; where nothing is to be tested yet, the reason stands here.

/// A test: its file, from the root of the repository, and its name.
pub type Test = (&'static str, &'static str);

/// A fault that can happen.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Its number.
    pub number: u8,
    /// What happens.
    pub fault: &'static str,
    /// What proves that it costs no more than is promised.
    pub tests: &'static [Test],
    /// What no test of these shows, and why.
    pub open: &'static str,
}

/// A promise.
#[derive(Clone, Copy, Debug)]
pub struct Promise {
    /// Its number.
    pub number: u8,
    /// What is promised.
    pub promise: &'static str,
    /// What proves it.
    pub tests: &'static [Test],
}

const ANSWERS: &str = "crates/faults/tests/faults/answers.rs";
const DAMAGE: &str = "crates/faults/tests/faults/damage.rs";
const DISK: &str = "crates/faults/tests/faults/disk.rs";
const FORMAT: &str = "crates/faults/tests/faults/format.rs";
const KILLED: &str = "crates/faults/tests/faults/killed.rs";
const NETWORK: &str = "crates/faults/tests/faults/network.rs";
const PANICS: &str = "crates/faults/tests/faults/panics.rs";
const STORM: &str = "crates/faults/tests/faults/storm.rs";
const TRACED: &str = "crates/faults/tests/faults/traced.rs";

const ALLOC: &str = "tests/alloc.rs";
const LIFE_DELIVERY: &str = "tests/life/delivery.rs";
const LIFE_FAULTS: &str = "tests/life/faults.rs";
const LIFE_LANES: &str = "tests/life/lanes.rs";
const LIFE_SHUTDOWN: &str = "tests/life/shutdown.rs";
const BACKPRESSURE: &str = "tests/life/backpressure.rs";
const SPOOL_FAULTS: &str = "tests/spool/faults.rs";
const SPOOL_LIFE: &str = "tests/spool/life.rs";
const KEEPER: &str = "src/actors/spool/keeper/tests.rs";
const SIMULATED: &str = "src/actors/spool/keeper/tests/network.rs";
const LOG: &str = "src/actors/spool/log/tests.rs";
const RETRY: &str = "src/actors/exporter/retry/tests.rs";
const CORPUS: &str = "crates/cli/tests/corpus/main.rs";
const HOSTILE: &str = "crates/cli/tests/receive/hostile.rs";
const BOUNDS: &str = "crates/cli/tests/receive/bounds.rs";
const SLOW: &str = "crates/cli/tests/receive/slow.rs";
const TLS: &str = "tests/transport/tls.rs";
const SERVE_KILLED: &str = "crates/cli/tests/serve/killed.rs";
const SPOOL_DURABLE: &str = "tests/spool/durable.rs";

/// What can happen, and what shows that it does no more harm than it must.
#[rustfmt::skip]
pub const ROWS: [Row; 35] = [
    row(1, "backend away at the start, in the middle, at the shutdown", &[
        (NETWORK, "a_backend_that_is_away_gets_everything_when_it_is_back"),
        ("tests/spool/delivery.rs", "the_next_start_delivers_what_is_on_disk"),
    ]),
    row(2, "slow backend", &[
        (NETWORK, "a_slow_backend_costs_those_who_record_nothing"),
        (BACKPRESSURE, "a_backend_that_is_down_costs_the_budget_and_no_time"),
        (LIFE_LANES, "concurrency_is_respected"),
    ]),
    row(3, "half-open connection, frozen backend", &[
        (NETWORK, "a_half_open_connection_is_left_by_grpc"),
        (NETWORK, "a_half_open_connection_is_left_by_http"),
        (NETWORK, "a_frozen_backend_gets_everything_when_it_thaws"),
    ]),
    row(4, "connection reset before or after the backend took the data", &[
        (NETWORK, "faults_that_pass_lose_nothing_over_grpc"),
        (NETWORK, "faults_that_pass_lose_nothing_over_http"),
    ]),
    row(5, "429 and 503 with Retry-After of any kind", &[
        (ANSWERS, "any_retry_after_is_survived"),
        (RETRY, "retry_after_is_read_in_both_forms"),
        (RETRY, "the_destination_is_waited_for_as_told"),
    ]),
    row(6, "statuses of HTTP that refuse for good, for now, or for lack of credentials", &[
        (ANSWERS, "each_status_has_its_consequence"),
        (ANSWERS, "what_is_too_large_is_cut"),
        (ANSWERS, "one_bad_span_costs_itself_alone"),
    ]),
    row(7, "codes of gRPC, with and without RetryInfo", &[
        (ANSWERS, "each_code_has_its_consequence"),
        (RETRY, "each_code_has_its_class"),
    ]),
    row(8, "partial success: none, some, all, negative, too many", &[
        (ANSWERS, "a_partial_success_is_believed_as_far_as_it_can_be"),
    ]),
    row(9, "answers that are malformed, endless or none", &[
        (ANSWERS, "an_odd_yes_is_a_yes"),
        ("tests/transport/http.rs", "a_yes_is_a_delivery_whatever_its_body"),
        ("tests/transport/http.rs", "a_yes_that_breaks_off_is_a_delivery"),
        ("tests/transport/grpc.rs", "odd_answers_have_their_classes"),
        ("tests/life/backends.rs", "a_backend_that_misbehaves_costs_what_it_was_to_take"),
    ]),
    row(10, "disk full", &[
        (DISK, "a_full_disk_costs_what_is_named_and_goes_on"),
        (DISK, "a_shutdown_on_a_full_disk_names_what_is_lost"),
        (TRACED, "a_disk_without_room_costs_nothing_durable"),
        (KEEPER, "a_full_disk_goes_on_when_there_is_room"),
    ]),
    row(11, "sync fails", &[
        (TRACED, "a_sync_that_fails_costs_nothing_durable"),
        (TRACED, "a_disk_that_fails_costs_nothing_durable"),
        (KEEPER, "a_failed_sync_is_not_believed"),
    ]),
    row(12, "files damaged: every byte, every cut, swapped, foreign, of the future", &[
        (DAMAGE, "a_damaged_byte_costs_its_record_alone"),
        (DAMAGE, "a_cut_costs_what_is_behind_it"),
        (DAMAGE, "a_damaged_cursor_costs_nothing"),
        (DAMAGE, "a_damaged_format_is_refused_and_nothing_is_lost"),
        (DAMAGE, "absurd_positions_are_damage"),
        (SPOOL_FAULTS, "a_directory_that_is_none_of_ours_is_refused"),
    ]),
    row(13, "torn write", &[
        (LOG, "what_was_committed_is_there"),
        (DAMAGE, "a_cut_costs_what_is_behind_it"),
    ]),
    row(14, "kill -9 at any moment and at any call, also during recovery", &[
        (SERVE_KILLED, "whatever_ends_the_process_what_was_acknowledged_arrives"),
        (KILLED, "what_is_durable_survives_being_killed_at_any_moment"),
        (TRACED, "what_is_durable_survives_being_killed_at_any_call"),
        ("tests/spool/killed.rs", "what_is_durable_survives_being_killed"),
        ("crates/cli/tests/serve/durable.rs", "what_was_acknowledged_is_judged_after_being_killed"),
    ]),
    row(15, "power cut: files, names and order of writes that were not synced", &[
        (LOG, "what_was_committed_is_there"),
        (KEEPER, "a_failed_sync_is_not_believed"),
    ]),
    row(16, "clock jumps", &[
        (DAMAGE, "a_clock_that_jumped_costs_nothing"),
        ("tests/pipeline/sessions/times.rs", "no_span_ends_before_it_starts"),
        ("tests/pipeline/sessions/times.rs", "absurd_times_are_clamped"),
    ]),
    row(17, "exporter, processor or callback panics", &[
        (PANICS, "an_exporter_that_panics_costs_that_request_alone"),
        (PANICS, "a_processor_that_panics_costs_that_item_alone"),
        (LIFE_DELIVERY, "a_panic_costs_at_most_its_request"),
        (KEEPER, "a_panic_leaves_nobody_waiting"),
    ]),
    row(18, "one of several destinations is stuck", &[
        (SPOOL_FAULTS, "a_slow_lane_does_not_hold_the_others"),
        (LIFE_LANES, "one_that_hangs_costs_its_own_lane_alone"),
    ]),
    row(19, "very many sessions", &[
        (ALLOC, "an_idle_session_is_small"),
        (ALLOC, "many_sessions_cost_what_few_cost"),
    ]),
    row(20, "requests and spans that are too large", &[
        (ANSWERS, "what_is_too_large_is_cut"),
        (LIFE_DELIVERY, "a_huge_span_costs_only_itself"),
        ("tests/pipeline/bad_input.rs", "a_full_span_fits_into_a_request"),
        ("tests/pipeline/bad_input.rs", "huge_values_are_cut"),
    ]),
    row(21, "hostile values", &[
        (HOSTILE, "malformed_json_is_refused_and_told_where"),
        ("tests/pipeline/bad_input.rs", "deep_values_are_cut_off"),
        ("crates/cli/tests/convert/properties.rs", "fields_of_any_type_are_survived"),
    ]),
    row(22, "malformed input of every kind: nine fuzz targets", &[
        (CORPUS, "what_fuzzing_has_found_stays_harmless"),
        (HOSTILE, "malformed_protobuf_is_refused_for_good"),
    ]),
    row(23, "decompression bombs", &[
        (BOUNDS, "a_bomb_is_refused_at_the_bound_and_harms_nobody"),
        ("crates/cli/tests/receive_memory.rs", "the_process_stays_within_the_budget"),
    ]),
    row(24, "slow and flooding clients", &[
        (SLOW, "clients_that_never_ask_are_ended_in_time"),
        (SLOW, "a_slow_body_is_refused_and_may_be_tried_again"),
        ("crates/cli/tests/receive/floods.rs", "a_rapid_reset_flood_ends_its_connection"),
    ]),
    row(25, "TLS: wrong names, authorities, ports, versions", &[
        (TLS, "only_the_named_authority_is_trusted"),
        (TLS, "nothing_falls_back_to_another_way"),
        ("crates/cli/tests/receive/tls.rs", "peers_that_mistake_the_port_end_cleanly"),
    ]),
    row(26, "signals under load", &[
        (SERVE_KILLED, "whatever_ends_the_process_what_was_acknowledged_arrives"),
        ("crates/cli/tests/serve/ending.rs", "a_signal_forwards_what_is_in_memory"),
        ("crates/cli/tests/serve/ending.rs", "a_second_signal_stops_at_once"),
    ]),
    row(27, "memory ceiling", &[
        ("crates/cli/tests/receive_memory.rs", "the_process_stays_within_the_budget"),
        (BACKPRESSURE, "a_backend_that_is_down_costs_the_budget_and_no_time"),
        (BOUNDS, "many_large_bodies_at_once_stay_within_the_budget_and_all_arrive"),
    ]),
    row(28, "every kind of runtime, and none", &[
        (LIFE_SHUTDOWN, "everything_is_delivered_on_every_runtime"),
        (LIFE_SHUTDOWN, "no_runtime_is_needed"),
        (LIFE_SHUTDOWN, "the_hosts_runtime_may_go_first"),
        (LIFE_SHUTDOWN, "a_panic_that_drops_the_last_handle_delivers"),
    ]),
    row(29, "fork", &[
        ("tests/fork.rs", "a_forked_child_begins_anew"),
    ]),
    row(30, "two processes on one spool directory", &[
        (KILLED, "a_directory_that_was_only_begun_is_a_spool"),
        (KILLED, "what_is_durable_survives_being_killed_at_any_moment"),
        (SPOOL_FAULTS, "two_pipelines_on_one_directory_keep_apart"),
    ]),
    row(31, "endpoint that flaps", &[
        (NETWORK, "a_backend_that_flaps_is_not_run_over"),
        (RETRY, "delays_stay_in_bounds_whatever_is_random"),
    ]),
    row(32, "spools of other versions", &[
        (FORMAT, "what_earlier_versions_left_is_delivered"),
        (DAMAGE, "a_damaged_format_is_refused_and_nothing_is_lost"),
        (LOG, "a_later_version_is_left_alone"),
    ]),
    Row {
        number: 33,
        fault: "engines for messages",
        tests: &[],
        open: "there is no such engine in spanreel",
    },
    row(34, "concurrency of queues, ledger and receipts", &[
        ("crates/schedules/src/books.rs", "counts_never_exceed_what_came"),
        ("crates/schedules/src/books.rs", "what_is_left_on_disk_is_booked_once"),
        ("crates/schedules/src/receipts.rs", "a_receipt_is_told_of_the_end"),
        ("crates/schedules/src/receipts.rs", "a_receipt_is_told_of_the_disk"),
        ("crates/schedules/src/shelves.rs", "a_lane_is_given_everything"),
        ("crates/schedules/src/shelves.rs", "what_is_given_up_is_not_on_disk"),
        ("crates/schedules/src/desks.rs", "nobody_waits_for_a_thread_that_is_gone"),
        ("crates/schedules/src/buffers.rs", "who_waits_for_room_is_woken"),
        (LIFE_FAULTS, "whatever_an_exporter_does_the_ledger_adds_up"),
        ("tests/intake/receipts.rs", "receipts_add_up_under_faults"),
        (SPOOL_LIFE, "a_shutdown_ends_in_its_time"),
    ]),
    row(35, "the log against a model, with crashes and reopening", &[
        (LOG, "what_was_committed_is_there"),
        (SIMULATED, "what_was_acknowledged_arrives_whatever_fails"),
        (STORM, "whatever_the_weather_what_was_acknowledged_arrives"),
        ("src/actors/spool/undecided/tests.rs", "what_is_undecided_is_there"),
        ("src/actors/sampler/tests/crashes.rs", "crashes_change_no_decision"),
    ]),
];

/// What is promised, and what proves it.
#[rustfmt::skip]
pub const PROMISES: [Promise; 15] = [
    promise(1, "every item is accounted for", &[
        (LIFE_FAULTS, "whatever_an_exporter_does_the_ledger_adds_up"),
        (STORM, "whatever_the_weather_what_was_acknowledged_arrives"),
    ]),
    promise(2, "what is told to be durable is on disk", &[
        (KILLED, "a_killed_program_loses_what_ended_in_the_last_moments"),
        (SPOOL_DURABLE, "what_was_flushed_survives_the_process"),
        (TRACED, "what_is_durable_survives_being_killed_at_any_call"),
        (KILLED, "what_is_durable_survives_being_killed_at_any_moment"),
        (SPOOL_LIFE, "a_receipt_is_durable_before_it_is_delivered"),
    ]),
    promise(3, "a shutdown never loses and always ends", &[
        (NETWORK, "a_backend_that_is_away_gets_everything_when_it_is_back"),
        (SPOOL_LIFE, "a_shutdown_ends_in_its_time"),
        (LIFE_SHUTDOWN, "an_exporter_that_hangs_does_not_hold_it"),
    ]),
    promise(4, "no timer gives up", &[
        (ANSWERS, "any_retry_after_is_survived"),
        (DAMAGE, "a_clock_that_jumped_costs_nothing"),
    ]),
    promise(5, "quarantine, not oblivion", &[
        (ANSWERS, "each_status_has_its_consequence"),
        (ANSWERS, "one_bad_span_costs_itself_alone"),
    ]),
    promise(6, "damage costs the records that it hits", &[
        (DAMAGE, "a_damaged_byte_costs_its_record_alone"),
        (DAMAGE, "a_cut_costs_what_is_behind_it"),
    ]),
    promise(7, "recovery may be killed and repeated", &[
        (TRACED, "what_is_durable_survives_being_killed_at_any_call"),
    ]),
    promise(8, "open work is finished", &[
        ("tests/spool/sessions.rs", "open_sessions_are_closed_by_the_next_start"),
        ("crates/bridge/src/layer/tests/life.rs", "a_span_open_at_the_end_is_incomplete"),
    ]),
    promise(9, "everything is bounded", &[
        ("crates/cli/tests/receive_memory.rs", "the_process_stays_within_the_budget"),
        (BACKPRESSURE, "a_backend_that_is_down_costs_the_budget_and_no_time"),
        (ALLOC, "an_idle_session_is_small"),
    ]),
    promise(10, "faults stay where they are", &[
        (SPOOL_FAULTS, "a_slow_lane_does_not_hold_the_others"),
        (PANICS, "an_exporter_that_panics_costs_that_request_alone"),
    ]),
    promise(11, "recording waits for nobody", &[
        (NETWORK, "a_slow_backend_costs_those_who_record_nothing"),
        (ALLOC, "a_span_hardly_allocates"),
    ]),
    promise(12, "what comes twice is bounded and can be told", &[
        (SPOOL_LIFE, "what_was_delivered_behind_a_hanging_request_does_not_come_again"),
        (KEEPER, "what_was_delivered_does_not_come_again"),
        (SPOOL_DURABLE, "a_request_has_the_same_id_in_each_attempt"),
        (NETWORK, "faults_that_pass_lose_nothing_over_grpc"),
        (NETWORK, "faults_that_pass_lose_nothing_over_http"),
    ]),
    promise(13, "fork and freeze", &[
        ("tests/fork.rs", "a_forked_child_begins_anew"),
        ("tests/life/flush.rs", "without_anything_to_settle_it_is_over_at_once"),
    ]),
    promise(14, "hostile input is survived", &[
        (CORPUS, "what_fuzzing_has_found_stays_harmless"),
        (HOSTILE, "malformed_protobuf_is_refused_for_good"),
        (SLOW, "clients_that_never_ask_are_ended_in_time"),
    ]),
    promise(15, "secrets stay out", &[
        (SPOOL_FAULTS, "only_the_owner_can_read_it"),
        ("crates/http/tests/secrets.rs", "a_planted_key_shows_nowhere"),
        ("src/actors/exporter/otlp/tests.rs", "secrets_are_not_printed"),
    ]),
];

const fn row(number: u8, fault: &'static str, tests: &'static [Test]) -> Row {
    Row {
        number,
        fault,
        tests,
        open: "",
    }
}

const fn promise(number: u8, promise: &'static str, tests: &'static [Test]) -> Promise {
    Promise {
        number,
        promise,
        tests,
    }
}

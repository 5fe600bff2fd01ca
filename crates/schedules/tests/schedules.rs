//! Each scenario in thousands of schedules. `SPANREEL_SCHEDULES` says how many of each of two kinds (1,000).

use spanreel_schedules::{books, buffers, desks, explore, receipts, shelves};

macro_rules! scenarios {
    ($($module:ident: $($name:ident)*;)*) => {
        $($(
            #[doc = concat!("See `spanreel_schedules::", stringify!($module), "`.")]
            #[test]
            fn $name() {
                explore(schedules(), $module::$name);
            }
        )*)*
    };
}

scenarios! {
    books: counts_never_exceed_what_came what_is_left_on_disk_is_booked_once;
    receipts: a_receipt_is_told_of_the_end a_receipt_is_told_of_the_disk a_copy_is_needed_or_not
        a_copy_goes_with_the_last_of_its_items;
    shelves: a_lane_is_given_everything what_is_given_up_is_not_on_disk deliveries_settle_their_own;
    desks: what_is_put_on_the_desk_is_taken nobody_waits_for_a_thread_that_is_gone;
    buffers: the_budget_holds tight_is_told who_waits_for_room_is_woken;
}

#[expect(
    clippy::disallowed_methods,
    reason = "the tests are told by their own variable"
)]
fn schedules() -> usize {
    match std::env::var("SPANREEL_SCHEDULES") {
        Ok(text) => text.parse().expect("SPANREEL_SCHEDULES is a number"),
        Err(_) => 1_000,
    }
}

//! Following plays: what Trakt has to be told, from one look at what is being played to the next.
//!
//! A play that is out of sight for a few looks only, because its player restarts or a list was incomplete, goes on as if
//! nothing had happened. One that was finished is not finished again when its player comes back near the end; one that
//! begins anew after its end is another play, though nobody saw it go away.

use super::scrobble::Step;
use std::collections::BTreeMap;

/// Looks for which a play may be out of sight before it counts as ended.
const GRACE: u32 = 3;
/// From here on Trakt takes a play for finished.
pub const FINISHED: f64 = 80.0;
/// What is less than this Trakt ignores.
pub const NOTHING: f64 = 1.0;
/// What jumps below this from the end begins anew.
const BEGINNING: f64 = 20.0;
/// Finished plays that are remembered.
const REMEMBERED: usize = 200;

/// A play as it is seen now.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// The item's number in Plex.
    pub rating_key: String,
    /// How far it is, 0 to 100.
    pub progress: f64,
    /// Whether it is halted.
    pub paused: bool,
}

/// Something that Trakt has to be told.
#[derive(Clone, Debug, PartialEq)]
pub struct Due {
    /// The item's number in Plex.
    pub rating_key: String,
    /// What happens.
    pub step: Step,
    /// How far it is, 0 to 100.
    pub progress: f64,
}

#[derive(Clone, Debug)]
struct Play {
    progress: f64,
    paused: bool,
    /// Looks for which it was out of sight.
    absent: u32,
    /// What Trakt was told last.
    told: Option<Step>,
    /// Whether it is something that Trakt can't be told of.
    refused: bool,
}

impl Play {
    fn is_over(&self) -> bool {
        self.told == Some(Step::Stop)
    }

    /// What Trakt should have been told.
    fn step(&self) -> Step {
        match (self.absent > GRACE, self.paused) {
            (true, _) => Step::Stop,
            (false, true) => Step::Pause,
            (false, false) => Step::Start,
        }
    }
}

/// The plays of one person.
#[derive(Clone, Debug, Default)]
pub struct Following {
    plays: BTreeMap<String, Play>,
}

impl Following {
    /// What Trakt has to be told after a look at all that is being played. What it is not [`told`](Self::told) of is due
    /// again at the next look.
    pub fn look(&mut self, seen: &[Seen]) -> Vec<Due> {
        for play in self.plays.values_mut() {
            play.absent = play.absent.saturating_add(1);
        }
        for Seen { rating_key, progress, paused } in seen {
            let new = Play { progress: *progress, paused: *paused, absent: 0, told: None, refused: false };
            let play = self.plays.entry(rating_key.clone()).or_insert_with(|| new.clone());
            if play.is_over() {
                // From the beginning, or a part of it again, it is another play; the end once more is the same one.
                if *progress < FINISHED {
                    *play = new;
                }
                continue;
            }
            if play.told.is_some() && play.progress >= FINISHED && *progress < BEGINNING {
                // It ends where it was last, and is another play at the next look.
                play.absent = GRACE + 1;
                continue;
            }
            // Two players of one item: the one that is further counts.
            let twice = play.absent == 0 && play.told.is_some();
            play.progress = if twice { play.progress.max(*progress) } else { *progress };
            play.paused = *paused && (!twice || play.paused);
            play.absent = 0;
        }
        // Nothing was told of it, or nothing that Trakt would keep.
        self.plays.retain(|_, play| play.absent <= GRACE || (play.told.is_some() && !play.refused));
        self.forget();
        let due = |(rating_key, play): (&String, &Play)| {
            let step = play.step();
            let begins_halted = play.told.is_none() && step == Step::Pause;
            let needless = play.is_over() || play.refused || begins_halted || play.told == Some(step);
            (!needless).then(|| Due { rating_key: rating_key.clone(), step, progress: play.progress })
        };
        self.plays.iter().filter_map(due).collect()
    }

    /// Notes that Trakt was told.
    pub fn told(&mut self, due: &Due) {
        if due.step == Step::Stop && due.progress < FINISHED {
            // It may be taken up again, and is a new one then.
            self.plays.remove(&due.rating_key);
        } else if let Some(play) = self.plays.get_mut(&due.rating_key) {
            play.told = Some(due.step);
        }
    }

    /// Notes that this play is none that Trakt can be told of, so that it is not tried again.
    pub fn refused(&mut self, due: &Due) {
        if let Some(play) = self.plays.get_mut(&due.rating_key) {
            play.refused = true;
        }
    }

    /// Whether something is being watched that Trakt can't be told of.
    pub fn any_refused(&self) -> bool {
        self.plays.values().any(|play| play.refused)
    }

    /// What is being watched now: the items' numbers with how far they are and whether they are halted.
    pub fn watching(&self) -> impl Iterator<Item = (&str, f64, bool)> {
        let current = self.plays.iter().filter(|(_, play)| !play.is_over());
        current.map(|(key, play)| (key.as_str(), play.progress, play.paused))
    }

    fn forget(&mut self) {
        let over = self.plays.values().filter(|play| play.is_over()).count();
        if over > REMEMBERED {
            self.plays.retain(|_, play| !play.is_over());
        }
    }
}

impl Due {
    /// Whether it is too little for Trakt to keep.
    pub fn is_nothing(&self) -> bool {
        self.step != Step::Start && self.progress < NOTHING
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(progress: f64, paused: bool) -> Vec<Seen> {
        vec![Seen { rating_key: "7".into(), progress, paused }]
    }

    /// What is told over a list of looks; `None` is a look that sees nothing.
    fn told(looks: &[Option<(f64, bool)>]) -> Vec<(Step, f64)> {
        let mut following = Following::default();
        let mut all = Vec::new();
        for look in looks {
            let sessions = look.map_or_else(Vec::new, |(progress, paused)| seen(progress, paused));
            for due in following.look(&sessions) {
                following.told(&due);
                all.push((due.step, due.progress));
            }
        }
        all
    }

    #[test]
    fn a_play_begins_halts_goes_on_and_ends() {
        let looks = [
            Some((1.0, false)),
            Some((2.0, false)),
            Some((3.0, true)),
            Some((3.0, true)),
            Some((3.0, false)),
            Some((90.0, false)),
        ];
        let gone = [None; 6];
        assert_eq!(
            told(&[&looks[..], &gone].concat()),
            [(Step::Start, 1.0), (Step::Pause, 3.0), (Step::Start, 3.0), (Step::Stop, 90.0)]
        );
    }

    #[test]
    fn a_player_that_restarts_is_not_noticed() {
        let play = Some((50.0, false));
        assert_eq!(told(&[play, None, None, None, play, Some((51.0, false))]), [(Step::Start, 50.0)]);
    }

    #[test]
    fn a_play_that_was_finished_is_not_finished_twice() {
        let end = Some((95.0, false));
        let gone = [None; 5];
        let looks = [&[end][..], &gone, &[end, end], &gone].concat();
        assert_eq!(told(&looks), [(Step::Start, 95.0), (Step::Stop, 95.0)]);
        let again = [&looks[..], &[Some((2.0, false))]].concat();
        assert_eq!(told(&again).last(), Some(&(Step::Start, 2.0)), "from the beginning it is another play");
    }

    #[test]
    fn what_is_taken_up_again_later_goes_on() {
        let gone = [None; 5];
        let looks = [&[Some((30.0, false))][..], &gone, &[Some((30.0, false))], &gone].concat();
        assert_eq!(told(&looks), [(Step::Start, 30.0), (Step::Stop, 30.0), (Step::Start, 30.0), (Step::Stop, 30.0)]);
    }

    #[test]
    fn what_begins_anew_at_its_end_is_another_play() {
        let looks = [Some((50.0, false)), Some((97.0, false)), Some((1.0, false)), Some((2.0, false))];
        assert_eq!(told(&looks), [(Step::Start, 50.0), (Step::Stop, 97.0), (Step::Start, 2.0)]);
        let rewound = [Some((90.0, false)), Some((70.0, false)), Some((95.0, false))];
        assert_eq!(told(&rewound), [(Step::Start, 90.0)], "a scene once more is the same play");
    }

    #[test]
    fn what_trakt_cannot_be_told_of_is_not_tried_again_while_it_lasts() {
        let mut following = Following::default();
        let due = following.look(&seen(5.0, false));
        following.refused(&due[0]);
        for _ in 0..3 {
            assert!(following.look(&seen(50.0, false)).is_empty() && following.any_refused());
        }
        for _ in 0..=GRACE {
            assert!(following.look(&[]).is_empty());
        }
        assert!(!following.any_refused(), "it is forgotten once it is over");
        assert_eq!(following.look(&seen(5.0, false)).len(), 1);
    }

    #[test]
    fn what_trakt_was_not_told_is_due_again() {
        let mut following = Following::default();
        let first = following.look(&seen(5.0, false));
        assert_eq!(following.look(&seen(6.0, false))[0].step, first[0].step);
        following.told(&first[0]);
        assert!(following.look(&seen(7.0, false)).is_empty());
    }

    #[test]
    fn what_is_halted_from_the_beginning_is_not_told_of() {
        assert_eq!(told(&[Some((5.0, true)), Some((5.0, true)), None, None, None, None, None]), []);
    }
}

# What items of activities say in German; en.ftl explains the messages. The phrases for targets are accusatives.

action-comment =
    { $actors } { $count ->
        [one] hat
       *[other] haben
    } { $target } kommentiert
action-like =
    { $actors } { $count ->
        [one] hat
       *[other] haben
    } { $target } mit „Gefällt mir“ markiert
action-update =
    { $actors } { $count ->
        [one] hat
       *[other] haben
    } { $target } aktualisiert

type-post =
    .own = deinen Beitrag
    .titled = den Beitrag
    .untitled = einen Beitrag
type-product =
    .own = dein Produkt
    .titled = das Produkt
    .untitled = ein Produkt

actors = { $named ->
    [0] { $count ->
        [one] Jemand
       *[other] { $count } Personen
    }
    [1] { $others ->
        [0] { $first }
        [one] { $first } und eine weitere Person
       *[other] { $first } und { $others } weitere Personen
    }
   *[2] { $others ->
        [0] { $first } und { $second }
        [one] { $first }, { $second } und eine weitere Person
       *[other] { $first }, { $second } und { $others } weitere Personen
    }
}

system = Das System
system-after = das System

# The name of somebody who was erased, and the same after another name.
gone = Ein früheres Mitglied
gone-after = ein früheres Mitglied

titled = { $noun } „{ $title }“

# Without its gender a type cannot be named in a German sentence.
thing = { $titled ->
    [yes] „{ $title }“
   *[no] { $owned ->
        [yes] etwas von dir
       *[no] etwas
    }
}

doing = { $titled ->
    [yes] { $actors }: { $label } – „{ $title }“
   *[no] { $actors }: { $label }
}

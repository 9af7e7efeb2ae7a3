# What items of activities say in English. docs/catalog.md has the variables, and how the settings replace a message.

action-comment = { $actors } commented on { $target }
action-like = { $actors } liked { $target }
action-update = { $actors } updated { $target }

type-post =
    .own = your post
    .titled = the post
    .untitled = a post
type-product =
    .own = your product
    .titled = the product
    .untitled = a product

# Who did it: $count people, of whom $named have a name here (0, 1 or 2) and $others have not.
actors = { $named ->
    [0] { $count ->
        [one] Somebody
       *[other] { $count } people
    }
    [1] { $others ->
        [0] { $first }
        [one] { $first } and { $others } other
       *[other] { $first } and { $others } others
    }
   *[2] { $others ->
        [0] { $first } and { $second }
        [one] { $first }, { $second } and { $others } other
       *[other] { $first }, { $second } and { $others } others
    }
}

# The name of the system, and the same after another name.
system = The system
system-after = the system

# The name of somebody who was erased, and the same after another name.
gone = Somebody who left
gone-after = somebody who left

# The target: one of the phrases above, and its title.
titled = { $noun } “{ $title }”

# The target, when there are no phrases for its type.
thing = { $owned ->
    [yes] { $titled ->
        [yes] your { $name } “{ $title }”
       *[no] your { $name }
    }
   *[no] { $titled ->
        [yes] the { $name } “{ $title }”
       *[no] the { $name }
    }
}

# The whole, when there is no sentence for the action.
doing = { $titled ->
    [yes] { $actors }: { $label } – “{ $title }”
   *[no] { $actors }: { $label }
}

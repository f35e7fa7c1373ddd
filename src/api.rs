//! WIRE: the types that users write and read, their defaults and their validation; nothing of ours is imported here.

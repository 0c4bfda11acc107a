//! The guide for who operates it.

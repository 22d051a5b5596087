//! The guards of the machine by name, each with the rule of the design that it keeps. A test build
//! (`--features mutants`) can take one of them out, to see whether anybody notices: `script mutants`
//! does so with every one, and `docs/mutants.md` says who noticed. In any other build a guard
//! stands, whatever anybody says, and costs nothing.

/// Names the guards: where they stand, their name, rule and words.
macro_rules! guards {
    ($( $file:literal { $( $name:ident, $rule:literal, $text:literal; )* } )*) => {
        /// A condition that stands between an input and something that cannot be taken back.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Guard {
            $( $( #[doc = $text] $name, )* )*
        }

        impl Guard {
            /// All of them, in the order of the files.
            pub const ALL: &[Guard] = &[ $( $( Guard::$name, )* )* ];

            /// Its name.
            pub const fn name(self) -> &'static str {
                match self { $( $( Guard::$name => stringify!($name), )* )* }
            }

            /// The file of `src/machine/` in which it stands.
            pub const fn file(self) -> &'static str {
                match self { $( $( Guard::$name => $file, )* )* }
            }

            /// The rule of the design's section 3 that it keeps; `docs/safety.md` has them.
            pub const fn rule(self) -> u8 {
                match self { $( $( Guard::$name => $rule, )* )* }
            }

            /// What it keeps from happening, or sees to.
            pub const fn text(self) -> &'static str {
                match self { $( $( Guard::$name => $text, )* )* }
            }
        }
    };
}

guards! {
    "mod.rs" {
        LinkVoids, 3, "a console that is lost or connected anew voids what was proved over it";
        LinkForgetsIdentity, 4, "a wrong machine is forgotten with its link, and asked again";
        LinkForgetsState, 4, "what a console showed on an old link counts for nothing on a new one";
        UnsureUnsettles, 12, "a node whose link was lost, or that nobody listened to, does not count as fully fenced";
        LinkDirties, 4, "whoever had the line before may have left half a command: it is killed first";
        GapVoidsProof, 3, "lost console output voids a proof";
        GapVoidsMaking, 3, "lost console output voids a proof in the making";
        GapUnsettles, 12, "lost console output: the node does not count as fully fenced";
        CarrierEpoch, 3, "a carrier's word of an old link is not heard";
        CarrierVoids, 3, "a carrier that changes voids what was proved over its line";
        AddressVoidsDark, 7, "a service address that answers voids the darkness of the node that may serve";
        ProofsExpire, 3, "a proof that is too old dies, and says so";
        HeldStays, 10, "a person's HOLD stays over a restart of clusterd";
    }
    "action.rs" {
        ActsLate, 3, "what was decided before a standstill is not typed after it";
    }
    "proof.rs" {
        ResetLife, 3, "a FirmwareReset lives 60 s";
        WordProofLife, 2, "the proof of an operator's word lives five minutes";
    }
    "guard.rs" {
        FenceRoles, 14, "no fence before the consoles have said who has the package";
        FenceIdentity, 4, "no fence of a node whose console shows another machine";
        FenceSwapped, 14, "a prompt on the primary while its address answers: no BREAK";
        FencePromptNonce, 6, "a bare prompt is evidence only when it has answered a nonce";
        FenceSilenceFresh, 6, "an unanswered RETURN is evidence for 90 s";
        FenceStartUnconfirmed, 6, "a confirmed primary that restarts by itself is not fenced for starting";
        FencePanicUnanswered, 6, "a panic's text moves nothing while RETURN is answered";
        FenceBothLegs, 6, "the console's silence alone moves nothing";
        FencePath, 8, "both legs silent, and all else too: the fault may be on this side";
        FenceEvidence, 6, "nothing held against a node: no fence";
        FenceStandbySwapped, 14, "a silent standby is not fenced while the primary waits and the address answers";
        FenceIntruder, 14, "a standby that runs is fenced only while another console shows that the primary serves";
        FenceIntruderPanicked, 14, "a standby that runs beside a waiting primary is fenced only after a panic";
        BootImpaired, 8, "no boot while the monitor doubts itself";
        FenceMaintained, 15, "no fence of a node in maintenance";
        FenceBesideMaintained, 15, "no takeover while the other node is in maintenance and not proved stopped";
        OutBoot, 15, "no boot of a node out of service";
        BootMaintained, 15, "no boot of a node in maintenance";
        BootPutAway, 10, "what a person put away is not booted without a person's word";
        BootProof, 1, "no boot without a living proof for every other node";
        BootLink, 1, "no boot without the console";
        BootIdentity, 4, "no boot of a node whose console shows another machine";
        BootCondition, 1, "no boot of a node that runs or has panicked";
        BootCap, 10, "no more switches than the cap";
        BootRestarts, 10, "no more restarts in place than the cap";
        BootUnfenced, 10, "no switch to a node that failed and was not fully fenced since";
        BootFailures, 10, "no switch to a node that failed too often";
        ResumePrimary, 12, "only the primary is told to go on";
        ResumeConfirmed, 12, "only a confirmed primary is told to go on";
        ResumeImpaired, 8, "no `go` while the monitor doubts itself";
        ResumeStopped, 12, "only a node that says it was stopped by BREAK is told to go on";
        ResumePanic, 12, "a panicked node is not told to go on";
        ResumeAnew, 12, "a node that has started anew since its BREAK is not told to go on";
        ResumeSwapped, 14, "no `go` where the address answered since the BREAK: it may be another one's";
        ResumeOthers, 12, "no `go` while another node is not proved stopped or was not fenced since it ran";
        VouchServer, 6, "only a console of the same terminal server vouches for its path";
        VouchFresh, 6, "a console vouches for the path with bytes of the last 30 s";
        WordLife, 2, "an operator's word lives five minutes";
    }
    "leg.rs" {
        LegPolicyAlarm, 6, "one leg's silence moves nothing where the cluster file says alarm";
        LegTime, 6, "one leg's silence moves nothing before its time";
        LegWitness, 6, "one leg's silence moves nothing while no witness answers";
        LegLook, 6, "the network's silence moves nothing before it was looked at once more, and what no witness answered in does not count";
        LegMisses, 6, "pings are lost behind the first look";
        LegGap, 6, "what no witness answered in counts for nothing when one answers again";
        LegRuns, 6, "the network's silence counts while the console says that the primary runs";
        LegHeld, 6, "the network's silence counts for nothing in a HOLD";
        LegMaintained, 6, "the network's silence counts for nothing in a maintenance of the primary";
    }
    "gate.rs" {
        StartWords, 1, "what starts or resumes a system is typed only through the gate";
        GateIdentity, 4, "nothing is started on a node whose identity was not proved in this boot";
        GateKeyboard, 16, "nothing is started under the hands of somebody who types there";
        GatePerson, 16, "nothing is started while a person has the console of a node that must answer a nonce";
        GateNonceAsked, 3, "a FirmwareReset answers a nonce before the boot bytes";
        GateNonceAnswered, 3, "a nonce that was not answered voids the proof";
        GateFirstByte, 1, "the guards are asked again before the first byte of a boot command";
        GateReturn, 1, "the guards are asked again before the RETURN of a boot command";
        GateEcho, 4, "RETURN is pressed only on the command that came back as it was typed";
        GateWipes, 4, "a command whose RETURN is refused is wiped from the line";
        BootKillsProof, 3, "a node that is started is proved stopped no more";
    }
    "door.rs" {
        FenceYoung, 3, "a fence takes over a proof only in its first half life";
        FenceImpaired, 8, "no takeover begins while the monitor doubts itself";
        FenceImpairedAgain, 8, "no takeover goes on after its intent while the monitor doubts itself";
        FenceNonce, 6, "a node at its prompt is asked a nonce before its fence";
        JournalFence, 9, "a fence waits until its intent is durable";
        FenceAgain, 9, "the guards of a fence are asked again when its intent is durable";
        FenceCounts, 10, "a takeover counts as a failure of the node that had the package";
        FenceUnfences, 10, "a node that failed has to be fully fenced before it gets the package";
        FenceVoidsMaking, 2, "a new procedure of a fence begins a new proof";
        FenceVoidsProof, 3, "a new procedure of a fence voids an old proof";
        FenceProved, 2, "a fence that ends without a whole proof has failed";
        FenceOnIdentity, 4, "a fence does not go on where the console shows another machine";
        FenceOnImpaired, 8, "a fence does not go on to its next procedure while the monitor doubts itself";
        FenceOnEvidence, 6, "a fence does not go on when the primary's login prompt answers";
        FenceHeir, 9, "whom a takeover is for is remembered over a restart";
        BootWaits, 8, "a boot waits until the monitor is well";
        BootQuiet, 16, "a boot waits until nobody types there";
        BootFirst, 1, "the guards of a boot are asked before its intent";
        SwitchCounts, 10, "a boot on another node counts as a switch";
        BoundMoves, 10, "so does the start of a node to which the roles were bound while it waits";
        BootUnconfirmed, 9, "a boot intent makes the primary unconfirmed";
        JournalBoot, 9, "a boot waits until its intent is durable";
        BootAgain, 9, "the guards of a boot are asked again when its intent is durable";
        BootAsksAnew, 4, "a boot asks anew who is at the console, whatever was asked before";
        BootRolesBack, 9, "a boot that was refused takes its roles back";
        BootTyped, 11, "a boot that gave no command has not succeeded";
        BootFailureCounts, 10, "a boot that failed counts as a failure";
        BootFailureUnfences, 10, "a node that failed to boot has to be fully fenced before it gets the package";
        ResumeFirst, 12, "the guards of a resumption are asked before its intent";
        JournalResume, 9, "a resumption waits until its intent is durable";
        ResumeAgain, 9, "the guards of a resumption are asked again when its intent is durable";
        ResumeTyped, 12, "a resumption that gave no command has not succeeded";
        HoldStuck, 10, "in the engine's own HOLD no trigger fires";
        HoldJournal, 10, "a HOLD is written down";
    }
    "making.rs" {
        IdentityAfterLive, 4, "an identity counts behind a live prompt only";
        SetAfterIdentity, 2, "a parameter set before the identity was right counts for nothing";
        SetInGuard, 2, "only the parameters and values of the standing guard count";
        MarkAfterSet, 2, "a word defined before the whole guard was set counts for nothing";
        UnmarkedAfterLive, 2, "an unknown word counts behind a live prompt only";
        IdentityAfterUnmarked, 2, "the identity after the reset counts when the word is gone";
        VerifiedAfterIdentity, 2, "a parameter read before the identity was right again counts for nothing";
        VerifiedInGuard, 2, "only the values of the standing guard count after the reset";
        WholeGuard, 2, "all parameters of the guard are read back after the reset";
        EmptyGuard, 2, "a firmware without a guard cannot be proved";
    }
    "question.rs" {
        OutTypes, 15, "the machine types nothing but that one RETURN, and sends no BREAK, to a node out of service";
        MaintenanceTypes, 15, "the machine types nothing, and sends no BREAK, in maintenance";
        PersonTypes, 16, "the machine types nothing, and sends no BREAK, while a person has the console";
        DirtyKilled, 4, "what may stand on a line is killed before the next byte";
        BreakVoidsMaking, 2, "a BREAK throws away the proof in the making";
        QuestionDeadline, 17, "a question has an end";
        WrongIdentity, 4, "a machine with another Host ID is remembered as such";
        GoOnFence, 4, "a wrong machine is told `go` only where our own fence stopped it";
        GoOnInPlace, 4, "a wrong machine is told `go` only where nothing was booted in its place";
        GoOnStopped, 4, "a wrong machine is told `go` only where BREAK stopped it";
        HostIdTaken, 4, "a Host ID belongs to one node";
        HostIdAdopting, 4, "a Host ID is learnt at adoption only";
        ProofInFence, 2, "a proof is born in a fence only";
        ProofWhole, 2, "a proof is born when its last piece is made";
    }
    "asking.rs" {
        AnswerEcho, 4, "what comes before the echo of a question is no answer to it";
        AnswerSum, 4, "a live prompt answers the sum";
        AnswerOnly, 4, "a live prompt answers the sum and nothing else";
        SetReadBack, 2, "a parameter that was set is read back";
        MarkAnswers, 2, "a word that was defined is called, and answers";
        UnmarkedUnknown, 2, "after a reset the firmware says that the word is unknown";
        UnmarkedWord, 2, "it says so of that word";
        IdentityAllOnes, 4, "a Host ID of all ones is none";
        IdentityRight, 4, "the Host ID is the one that belongs there";
        IdentityOnce, 4, "two banners in answer to one question are no answer";
        ExistsOnly, 4, "whether a parameter exists is said in one line";
        ReadOnly, 4, "a parameter is read in one line";
        ReadValue, 2, "a parameter reads the value of the guard";
        ReadPresence, 2, "a parameter may be missing only where the firmware block says so";
        ReadName, 4, "a value counts for the parameter that was asked";
        ReadOnce, 4, "a parameter that is shown twice was not read";
    }
    "talk.rs" {
        ChangeIdentified, 4, "nothing is changed before prompt and Host ID were asked";
        SendPieces, 1, "a word that starts a system is known also when it is typed in pieces";
        SendDoorNode, 1, "a boot command goes to the node of the open door only";
        SendIdentity, 4, "nothing but control characters is typed to a wrong machine";
        BreakFence, 2, "BREAK is sent in a fence of that node only";
        StopFence, 6, "siege, darkness, power, word and assumption belong into a fence of that node";
        ResetFence, 2, "a reset is ordered in a fence of that node only";
        ResetMarked, 2, "a reset is ordered only behind a defined word";
        SiegeCounts, 7, "no siege where darkness would prove nothing";
        WordNeeded, 2, "no proof by word without a word";
        WordOnce, 2, "a word is for one intent";
        AssumeIntegrity, 7, "under integrity nothing is assumed";
    }
    "wait.rs" {
        ResetVoided, 2, "a reset whose proof was voided has failed";
        ResetBanner, 3, "a second banner aborts a reset";
        ResetBooting, 2, "a system that is started during a reset aborts it";
        PowerTwice, 2, "legs that say off are asked again";
        PowerAll, 2, "every power leg says off";
        PowerCount, 2, "as many legs answer as the node has";
        DurableTicket, 9, "only the entry of that intent makes it durable";
        ProbeTicket, 6, "only the answer to that probe ends it";
        PowerTicket, 2, "only the answer to that order is a power leg's word";
    }
    "dark.rs" {
        DarkIntegrity, 7, "integrity: dark is never stopped";
        DarkBreakWorked, 7, "adaptability: dark counts only where a BREAK has worked";
        DarkGuardRead, 7, "adaptability: dark counts only where the standing guard is known";
        DarkHeard, 7, "a byte since the fence began: not dark";
        DarkAddress, 7, "an answer to a ping since the fence began: not dark";
        DarkAfter, 7, "dark for longer than a start takes";
        DarkLink, 7, "on a link without a break";
        DarkPing, 7, "without an answer to a ping for as long";
        PathHeard, 7, "this port has carried bytes before the silence";
        PathWitness, 7, "the gateway or a neighbour answers";
        PathPort, 7, "another port carried bytes";
        PathServer, 7, "another port of the same terminal server";
        VouchKeyboard, 16, "a console at which somebody types is not asked to vouch";
    }
    "siege.rs" {
        SiegeTalks, 7, "no BREAK of a siege into a proof in the making";
        SiegePrimary, 9, "no siege of the node that has the package";
        SiegeKnown, 14, "no siege of a node with life before it is clear who has the package";
        SiegeDurable, 9, "a siege that no fence stands behind begins when it is on the disk";
        SiegeSuspended, 7, "a siege is suspended while its node is out of service";
    }
    "hear.rs" {
        HearEpoch, 4, "what an old link said is not heard";
        QuietEpoch, 4, "a prompt of an old link is not heard";
        EchoTagged, 4, "an echo is no finding";
        LifeVoidsWord, 3, "a byte ends an operator's word that no fence has used yet";
        LifeVoidsReset, 3, "a byte that answers no question of ours voids a FirmwareReset";
        LifeVoidsPower, 3, "any byte voids a power proof, a word and a darkness";
        LifeVoidsMaking, 3, "a byte that answers no question of ours voids a proof in the making";
        SiegeTold, 7, "a byte from a besieged node is an alarm";
        KeyboardSeen, 16, "a byte at the prompt that answers no question counts as typing";
        KeyboardDirties, 4, "what somebody leaves unfinished is killed before the next byte";
        StaleMatch, 4, "what ended before our last send answers nothing";
        TextUnsettles, 12, "a node that says at its prompt what nobody asked does not count as fully fenced";
        SilenceUnsettles, 12, "a node that does not answer RETURN does not count as fully fenced";
        LoginUnsettles, 12, "a node that shows a login does not count as fully fenced";
        PanicUnsettles, 12, "a node that panicked does not count as fully fenced";
        StopUnsettles, 12, "a node stopped by BREAK does not count as fully fenced";
        BootingUnsettles, 12, "a node that loads a system does not count as fully fenced";
        BootingVoids, 2, "a boot text throws away the proof in the making";
        BreakWorks, 7, "a BREAK has worked only where the node stopped within 5 s of ours";
        ForeignBoot, 5, "a boot that was not ours: the guard is not known any more";
        SystemVoids, 3, "a console that shows a system voids its proof";
        PanicPast, 6, "a panic is past when a login prompt answered since";
        PanicJournal, 9, "a panic is remembered over a restart";
        PanicPastJournal, 9, "that a panic is past is remembered over a restart";
        UnansweredLink, 6, "a RETURN typed before the console was connected anew says nothing";
    }
    "tell.rs" {
        LostConsoleTold, 17, "a console that stays lost is told of in every state";
        LostConsoleTime, 17, "a console that is back within a minute is not told of";
        BesideTold, 17, "a node that runs beside the one that has the package is told of in every state";
        BesideTime, 17, "a node that is stopped within a minute is not told of a second time";
        UnfencedTold, 17, "a standby to which nothing may be switched is told of before it is needed";
        UnfencedTime, 17, "a standby that its script fences within two minutes is not told of";
    }
    "survey.rs" {
        PutAwayWaits, 10, "what a person put away is not started because all nodes wait";
        SurveyWrong, 14, "a wrong machine at a console: nobody is bound";
        SurveyTwo, 14, "several logins without a journal: nobody is bound";
        SurveyMovedAddress, 13, "a login elsewhere binds only while the address answers";
        SurveyMovedOthers, 13, "a login elsewhere binds only while all others wait at live prompts";
        SurveyAllAddress, 14, "all at their prompts while the address answers: nobody is bound";
        SurveyPrimaryAddress, 14, "the primary at its prompt while the address answers: nobody is bound";
        SurveyAdoptAll, 13, "an adoption starts a node only while all wait at live prompts";
        SurveyJournal, 13, "without a journal and a login nobody is bound";
        RunsJournal, 9, "that a takeover is over since another node runs is in the journal";
        SurveyHeir, 9, "the heir of a takeover is started only while all wait";
        SurveyLink, 13, "a primary whose console is not connected is not silent";
        SurveyLive, 4, "a prompt waits when it is live";
        SurveyIdentity, 4, "a prompt waits when its machine is the right one";
        SurveyLogin, 4, "a login counts when it answers the RETURN of the survey";
        SurveyStarting, 13, "a node that starts is waited for";
        SurveyMaintained, 15, "a survey asks nothing of a node in maintenance, and does not take it for silent";
        SurveyPerson, 16, "a survey asks nothing where a person types";
    }
    "trigger.rs" {
        TriggerMaintained, 15, "what a node in maintenance says moves no script";
        TriggerTyping, 16, "timed triggers wait while somebody types";
        TriggerTalks, 3, "only an urgent trigger interrupts a procedure";
        TriggerDurable, 9, "no trigger between an intent and its durability";
        UnfencedAgain, 17, "a standby that could not be fenced is not fenced again at once";
        UnfencedQuiet, 16, "a standby is not fenced for want of a fence where somebody typed just now";
        TriggerAbandons, 9, "a procedure that is interrupted takes its boot back";
    }
    "run.rs" {
        AbandonRoles, 9, "a boot given up before its RETURN takes its roles back";
        AbandonWipes, 4, "a boot given up before its RETURN is wiped from the line";
        AbandonVoids, 3, "a procedure that is interrupted voids what it was proving";
        OrderEnds, 10, "an order that no state took up is not in force later";
        HeirEnds, 9, "a takeover that came to nothing is not in force later";
        HeldEnds, 10, "the HOLD of a person's `fence` is over where the script goes on";
        HopsEnd, 17, "a circle of states without a pause ends in HOLD";
        TriesEnd, 17, "a retry has an end";
    }
    "order.rs" {
        OrderWeighed, 10, "an order against which a rule speaks is refused before anything is stopped";
        JournalOrder, 9, "an order is durable before the script hears of it";
        HeldDurable, 9, "a person's HOLD is said to be in force when it is on the disk";
        OrderForce, 6, "a primary that serves is stopped by BREAK for an order only where it says so";
    }
    "step.rs" {
        StopOrdered, 6, "the command that stops a system is run only for a person's order";
    }
    "maintenance/mod.rs" {
        MaintenanceVoids, 15, "a maintenance voids the proofs of its nodes";
        MaintenanceRests, 15, "a script rests while its cluster or its primary is in maintenance";
        MaintenanceKept, 15, "a maintenance outlives a restart";
        MaintenanceUnbinds, 15, "after a maintenance the consoles say who has the package";
        HeldMaintained, 10, "a person's HOLD stays over a maintenance";
        MaintenanceUnasked, 15, "a node in maintenance is asked nothing, and does not count as silent";
    }
    "maintenance/order.rs" {
        MaintenanceSwitch, 15, "no maintenance begins in the middle of a switch";
        MaintenanceDurable, 15, "a maintenance is in force when it is on the disk";
        MaintenanceDoor, 15, "nothing is stopped or started while a maintenance waits for the journal";
    }
    "maintenance/time.rs" {
        MaintenanceEnds, 17, "a maintenance has an end";
        MaintenanceDown, 15, "a service that is down in maintenance is told of";
        MaintenanceClock, 15, "a clock that is set does not shorten or lengthen a maintenance over a restart";
    }
    "out_of_service/mod.rs" {
        OutHeir, 15, "the primary is not stopped while the only other node is out of service";
        OutUnasked, 15, "a node out of service is asked nothing by a script, and is not fenced";
        OutVoids, 3, "what was proved of a node dies when it goes out of service, and when it is back";
        OutUnfenced, 10, "a node that was out of service takes over nothing before it was fully fenced";
        OutUnguards, 5, "the standing guard of a node that was out of service is not known";
        OutBesieged, 7, "a node that was out of service meets a BREAK when it wakes";
        OutLife, 15, "a sign of life ends a time out of service";
        OutAddress, 15, "a service address that answers while nobody serves is a sign of life";
        OutCarrier, 15, "a carrier that comes up is a sign of life";
        OutMaintained, 3, "a node that must not be asked for life in maintenance is not taken for silent";
        OutUnheard, 3, "a node out of service is asked again wherever it may have said something unheard";
        OutKept, 15, "a time out of service outlives a restart";
    }
    "out_of_service/order.rs" {
        OutKnown, 15, "no node is out of service before it is known who has the package";
        OutPrimary, 15, "the node that has the package is not out of service";
        OutSwitch, 15, "no node goes out of service in the middle of a switch";
        OutSilent, 15, "a node that has just said something is not out of service";
        OutAsked, 15, "a node is asked whether it lives before it counts as out of service";
        OutDurable, 9, "a node is out of service when that is on the disk";
        OutAgain, 9, "what speaks against it is weighed again when it is on the disk";
    }
    "out_of_service/time.rs" {
        OutEnds, 17, "a time out of service has an end, and the node counts then";
        OutClock, 15, "a clock that is set does not shorten or lengthen a time out of service over a restart";
    }
    "handover.rs" {
        HandoverRests, 9, "a new configuration is not taken in the middle of a switch";
        HandoverPerson, 16, "a new configuration is not taken while a person types";
        HandoverHold, 10, "a new configuration does not end a HOLD: an operator's `release` does";
    }
    "person.rs" {
        PersonVoids, 3, "a person's key voids the proof of that node";
        PersonUnsettles, 12, "a person's key: the node does not count as fully fenced";
        PersonVoidsMaking, 3, "a person's key voids the proof in the making";
        PersonDirties, 4, "what a person leaves unfinished is killed before the next byte";
        PersonGranted, 16, "who has not been granted the pen types nothing";
        PersonMidLine, 16, "a person waits until an open line of ours is ended";
        PersonBreaksOff, 16, "a key ends the script's conversation with that node";
        PersonYields, 16, "a step that speaks to a node waits while a person types there";
        PersonOthers, 16, "a boot waits while a person types at any node of the package";
        PersonIdle, 17, "a pause without a key has an end";
    }
    "doubt.rs" {
        DoubtJournal, 8, "a journal that cannot be written is a doubt";
        DoubtPings, 8, "pings that cannot be sent are a doubt";
        DoubtDrops, 8, "replies lost in our own socket are a doubt";
        DoubtClock, 8, "a clock that jumps is a doubt";
        DoubtStandstill, 8, "a standstill of clusterd's is a doubt";
        DoubtWitnesses, 8, "witnesses of which none answers are a doubt";
        DoubtWitnessTime, 8, "a witness may be silent for 12 s";
        DoubtGateway, 8, "a gateway that does not answer any more is a doubt";
        DoubtGatewayAlone, 8, "where there are witnesses it is they who say, and not the gateway";
        DoubtManyDark, 8, "many clusters dark at once are a doubt";
        ImpairedShared, 8, "trouble of the whole host is a critical alarm of the host, not of each cluster";
        WellKnown, 8, "a person's word covers the doubts they knew of, and no other";
        WellJournal, 9, "nobody can vouch for the journal";
        WellLife, 8, "a word that the monitor is well ends with its time";
        WellPast, 8, "a word that the monitor is well ends with the last doubt it covers";
        LostMisses, 8, "a cluster is not dark for one ping";
        LostSpoke, 8, "a cluster whose primary's console still speaks is not dark";
        LostPanicked, 8, "a cluster whose primary said why it fell silent is not dark";
    }
    "outlook.rs" {
        GatewaySeen, 8, "a gateway that never answered says nothing when it is silent";
        GatewayTime, 8, "a gateway may be silent for 12 s";
        VouchKnown, 8, "who had not answered for long before cannot vouch for the path";
        VouchAll, 8, "all who can vouch for the path have answered since";
    }
    "many_dark.rs" {
        ManyWindow, 8, "clusters that go dark one after the other do not do so at once";
        ManyAcquitted, 8, "what was seen not to be our fault is not counted again";
        ManyBack, 8, "the doubt ends when enough of them are back";
        ManyWereWell, 8, "what was dark before does not count among those that were well";
        ManyLeast, 8, "fewer than three clusters are nothing to compare";
        ManyHalf, 8, "half of the clusters are not most";
    }
    "standstill.rs" {
        StandstillBreaksOff, 8, "a takeover in which clusterd stood still is broken off and looked at anew";
        StandstillVoids, 3, "what was proved over a console does not outlive a standstill";
        StandstillAddress, 6, "the time of a standstill does not count as the address's silence";
        StandstillWaits, 6, "the time of a standstill does not count for a wait";
        StandstillAnswers, 6, "an answer that came during a standstill is read before it counts as missing";
        StandstillDark, 7, "a standstill begins the time of darkness again";
    }
    "refusal.rs" {
        RefuseSiege, 7, "nobody types at a besieged node";
        RefuseBoot, 1, "nobody types at a node that must stay stopped while another one starts";
        RefuseIntruder, 14, "nobody types at a node that runs beside the primary";
    }
}

impl Guard {
    /// The guard of that name.
    pub fn find(name: &str) -> Option<Guard> {
        Guard::ALL.iter().copied().find(|g| g.name() == name)
    }

    /// Whether it stands: always, but in a test build that took it out.
    #[cfg(not(feature = "mutants"))]
    pub const fn stands(self) -> bool {
        true
    }

    /// Whether it was taken out.
    pub fn gone(self) -> bool {
        !self.stands()
    }
}

/// The environment variable that names the guard which a test build takes out, or says
/// [`TRACE`].
#[cfg(feature = "mutants")]
pub const ENV: &str = "CLUSTERD_MUTANT";

/// Takes nothing out: every guard that decides something is told on stderr, once in a thread, with
/// the thread's name, which is the test's. Only who asks a guard can notice that it is out.
#[cfg(feature = "mutants")]
pub const TRACE: &str = "trace";

#[cfg(feature = "mutants")]
impl Guard {
    /// Whether it stands in this process.
    pub fn stands(self) -> bool {
        match *OUT {
            Out::Nothing => true,
            Out::Guard(guard) => guard != self,
            Out::Trace => {
                trace(self);
                true
            }
        }
    }
}

#[cfg(feature = "mutants")]
enum Out {
    Nothing,
    Guard(Guard),
    Trace,
}

#[cfg(feature = "mutants")]
static OUT: std::sync::LazyLock<Out> = std::sync::LazyLock::new(|| match std::env::var(ENV) {
    Ok(name) if name == TRACE => Out::Trace,
    Ok(name) if !name.is_empty() => {
        let guard = Guard::find(&name);
        Out::Guard(guard.unwrap_or_else(|| panic!("{ENV}: there is no guard {name:?}")))
    }
    _ => Out::Nothing,
});

#[cfg(feature = "mutants")]
fn trace(guard: Guard) {
    use std::cell::RefCell;
    use std::collections::BTreeSet;
    use std::io::Write as _;
    thread_local! {
        static TOLD: RefCell<BTreeSet<Guard>> = const { RefCell::new(BTreeSet::new()) };
    }
    if TOLD.with_borrow_mut(|told| told.insert(guard)) {
        let thread = std::thread::current();
        let test = thread.name().unwrap_or_default();
        // Past the capture of test output, in one write.
        let line = format!("asks {} {test}\n", guard.name());
        let _ = std::io::stderr().write_all(line.as_bytes());
    }
}
